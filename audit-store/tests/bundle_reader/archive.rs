//! Archives byte by byte, well-formed or not.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// One member of an archive, every field open to abuse.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: Vec<u8>,
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) data: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) local_method: Option<u16>,
    pub(crate) flags: u16,
    pub(crate) attributes: u32,
    pub(crate) crc: u32,
    pub(crate) size: Option<u32>,
    pub(crate) packed: Option<u32>,
    pub(crate) offset: Option<u32>,
    pub(crate) disk: u16,
}

impl Member {
    pub(crate) fn new(name: &str, bytes: &[u8], deflate: bool) -> Self {
        Self::packed(name, bytes, deflate.then(Compression::fast))
    }

    pub(crate) fn packed(name: &str, bytes: &[u8], level: Option<Compression>) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let data = if let Some(level) = level {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        } else {
            bytes.to_vec()
        };
        Self {
            name: name.as_bytes().to_vec(),
            local_name: None,
            data,
            method: if level.is_some() { 8 } else { 0 },
            local_method: None,
            flags: 0,
            attributes: 0o100_644 << 16,
            crc: crc.sum(),
            size: Some(bytes.len() as u32),
            packed: None,
            offset: None,
            disk: 0,
        }
    }
}

pub(crate) fn archive(members: &[Member]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for m in members {
        let offset = m.offset.unwrap_or(out.len() as u32);
        let size = m.size.unwrap_or(m.data.len() as u32);
        let packed = m.packed.unwrap_or(m.data.len() as u32);
        let local_name = m.local_name.as_ref().unwrap_or(&m.name);
        out.extend(0x0403_4b50_u32.to_le_bytes());
        for half in [20, m.flags, m.local_method.unwrap_or(m.method), 0, 0x21] {
            out.extend(half.to_le_bytes());
        }
        for word in [m.crc, packed, size] {
            out.extend(word.to_le_bytes());
        }
        out.extend((local_name.len() as u16).to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out.extend(local_name);
        out.extend(&m.data);

        directory.extend(0x0201_4b50_u32.to_le_bytes());
        for half in [0x0314, 20, m.flags, m.method, 0, 0x21] {
            directory.extend(half.to_le_bytes());
        }
        for word in [m.crc, packed, size] {
            directory.extend(word.to_le_bytes());
        }
        for half in [m.name.len() as u16, 0, 0, m.disk, 0] {
            directory.extend(half.to_le_bytes());
        }
        directory.extend(m.attributes.to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&m.name);
    }
    let (count, at) = (members.len() as u16, out.len() as u32);
    out.extend(&directory);
    out.extend(0x0605_4b50_u32.to_le_bytes());
    for half in [0, 0, count, count] {
        out.extend(half.to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out
}
