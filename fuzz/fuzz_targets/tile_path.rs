//! A tile has one path: what is read is written back byte for byte.
#![no_main]

use audit_core::TileId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    if let Ok(tile) = TileId::parse(path) {
        assert_eq!(tile.path(), path);
        assert_eq!(TileId::new(tile.level(), tile.index(), tile.width()), Ok(tile));
    }
});
