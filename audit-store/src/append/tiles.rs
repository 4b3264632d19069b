//! Full tiles are written in the transaction that fills them.

use audit_core::{ChainId, HASH_LEN, LeafHash, NodeHash, TILE_WIDTH, Tile, TileId, tiles_filled};

use crate::append::AppendError;
use crate::append::head::Head;
use crate::append::seal::Sealed;
use crate::backend::rows::TileRow;
use crate::backend::{Backend, Schema, integer};

const WIDTH: u64 = 256;

/// Entries below one full tile of level 1.
const SPAN: u64 = WIDTH * WIDTH;

/// Whether appending so many entries fills a tile.
pub(crate) fn fills(head: &Head, count: usize) -> bool {
    let left = WIDTH.saturating_sub(head.size % WIDTH);
    u64::try_from(count).unwrap_or(u64::MAX) >= left
}

/// Makes the leaves of the unfilled tile known, from what is stored: a partial tile that a pruning
/// left, and the entries after it.
pub(crate) async fn know_tail<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    head: &mut Head,
) -> Result<(), AppendError> {
    if head.tail.is_some() {
        return Ok(());
    }
    let (index, past) = (head.size / WIDTH, head.size % WIDTH);
    let start = head.size.saturating_sub(past);
    let end = index.saturating_add(1);
    let partial = DB::tile_rows(conn, schema, head.id, 0, integer(index), integer(end)).await?;
    let mut leaves: Vec<LeafHash> = partial.last().map_or_else(Vec::new, |tile| {
        let (hashes, _) = tile.hashes.as_chunks::<HASH_LEN>();
        hashes.iter().copied().map(LeafHash::from_bytes).collect()
    });
    let known = start.saturating_add(u64::try_from(leaves.len()).unwrap_or(0));
    for (_, _, body) in
        DB::standing(conn, schema, head.id, integer(known), integer(head.size)).await?
    {
        leaves.push(LeafHash::of(body.as_bytes()));
    }
    let complete = u64::try_from(leaves.len()).is_ok_and(|len| len == past);
    // The newest leaf is known in any case: it must be the last of these.
    if !complete || leaves.last().is_some_and(|last| *last != head.leaf) {
        return Err(AppendError::Corrupt { what: "the newest entries of a chain" });
    }
    head.tail = Some(leaves);
    Ok(())
}

/// Stores the leaves of the unfilled tile as a partial one, where a pruning is about to take entries
/// below `before`: what was derived from rows so far no longer can be.
pub(crate) async fn keep_tail<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    chain: &ChainId,
    head: &mut Head,
    before: u64,
) -> Result<(), AppendError> {
    let past = head.size % WIDTH;
    if before <= head.size.saturating_sub(past) {
        return Ok(());
    }
    know_tail::<DB>(conn, schema, head).await?;
    let Some(tail) = &head.tail else { return Ok(()) };
    let index = head.size / WIDTH;
    let end = integer(index.saturating_add(1));
    let stored = DB::tile_rows(conn, schema, head.id, 0, integer(index), end).await?;
    let width = stored.last().and_then(|tile| u64::try_from(tile.width).ok());
    if width.is_some_and(|width| width >= past) {
        return Ok(());
    }
    let bytes: Vec<u8> = tail.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
    Ok(DB::insert_tile(conn, schema, (head.id, chain), (0, index), &bytes).await?)
}

/// Whether appending so many entries fills a tile above level 0, whose hashes are stored and not
/// known.
pub(crate) fn fills_above(head: &Head, count: usize) -> bool {
    let left = SPAN.saturating_sub(head.size % SPAN);
    u64::try_from(count).unwrap_or(u64::MAX) >= left
}

/// The tiles of level 0 that a sealed batch fills, cut off the head's tail.
pub(crate) fn lowest(sealed: &mut Sealed) -> Result<Vec<Tile>, AppendError> {
    let unknown = || AppendError::Corrupt { what: "a tile of a chain" };
    let full = tiles_filled(sealed.first, sealed.head.size).take_while(|id| id.level() == 0);
    let mut tiles = Vec::new();
    for id in full {
        let tail = sealed.head.tail.as_mut().ok_or_else(unknown)?;
        let rest = tail.split_off(std::cmp::min(usize::from(TILE_WIDTH), tail.len()));
        let full = std::mem::replace(tail, rest);
        let hashes = full.into_iter().map(NodeHash::from).collect();
        tiles.push(Tile::new(id, hashes).map_err(|_| unknown())?);
    }
    Ok(tiles)
}

/// Adds the tiles above level 0 that a sealed batch fills.
pub(crate) async fn above<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    sealed: &Sealed,
    tiles: &mut Vec<Tile>,
) -> Result<(), AppendError> {
    let unknown = || AppendError::Corrupt { what: "a tile of a chain" };
    for id in tiles_filled(sealed.first, sealed.head.size).filter(|id| id.level() > 0) {
        let hashes = below::<DB>(conn, schema, sealed.head.id, id, tiles).await?;
        tiles.push(Tile::new(id, hashes).map_err(|_| unknown())?);
    }
    Ok(())
}

/// The hashes of a tile above level 0: the roots of the 256 full tiles below it, stored ones and
/// those of this batch.
async fn below<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    chain: i64,
    id: TileId,
    batch: &[Tile],
) -> Result<Vec<NodeHash>, AppendError> {
    let unknown = || AppendError::Corrupt { what: "a tile of a chain" };
    let level = id.level().saturating_sub(1);
    let first = id.index().saturating_mul(WIDTH);
    let end = first.saturating_add(WIDTH);
    let of_batch = |index: u64| {
        batch.iter().find(|tile| tile.id().level() == level && tile.id().index() == index)
    };
    let own = (first..end).find(|index| of_batch(*index).is_some()).unwrap_or(end);
    let level_row = i64::from(level);
    let stored =
        DB::tile_rows(conn, schema, chain, level_row, integer(first), integer(own)).await?;
    let mut hashes = Vec::with_capacity(usize::from(TILE_WIDTH));
    for row in stored.iter().filter(|row| row.width == i64::from(TILE_WIDTH)) {
        let index = u64::try_from(row.index).map_err(|_| unknown())?;
        let tile = TileId::new(level, index, TILE_WIDTH)
            .and_then(|id| Tile::from_bytes(id, &row.hashes))
            .map_err(|_| unknown())?;
        hashes.push(tile.root().ok_or_else(unknown)?);
    }
    for index in own..end {
        hashes.push(of_batch(index).and_then(Tile::root).ok_or_else(unknown)?);
    }
    Ok(hashes)
}

/// A tile as it is stored.
pub(crate) fn row(tile: &Tile) -> TileRow {
    let id = tile.id();
    TileRow {
        level: i64::from(id.level()),
        index: integer(id.index()),
        width: i64::from(id.width()),
        hashes: tile.to_bytes(),
    }
}
