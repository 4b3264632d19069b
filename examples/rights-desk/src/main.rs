//! A customer of a music shop asks what is known of her, and then to be forgotten.
//!
//! `rights-desk [FOLDER] [SHOP]`: what is made stays in FOLDER, if one is named; SHOP is the file of
//! a Chinook database, of which a copy is used; without one, a small shop is made.
//!
//! Where to read on: `declared.rs` says what the shop holds and why, `stage.rs` puts the parts
//! together, `answered.rs` and `forgotten.rs` are the two requests, `shown.rs` is what a controller
//! can be asked to show.

use std::error::Error;
use std::io::{Write, stdout};
use std::path::PathBuf;

mod answered;
mod declared;
mod forgotten;
mod shop;
mod shown;
mod stage;

type Done<T = ()> = Result<T, Box<dyn Error>>;

const HELP: &str = "\
usage: rights-desk [FOLDER] [SHOP]

A customer of a music shop asks what is known of her, and then to be forgotten.

  FOLDER  where the shop, her bundle, the certificate and the registers stay;
          without it they go when the program ends
  SHOP    the file of a Chinook database (SQLite), of which a copy is used;
          without it a small shop is made";

#[tokio::main]
async fn main() -> Done {
    let temporary = tempfile::tempdir()?;
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if arguments.iter().any(|one| one.as_os_str() == "--help" || one.as_os_str() == "-h") {
        return say(format_args!("{HELP}"));
    }
    let (folder, given) = match arguments.as_slice() {
        [] => (temporary.path(), None),
        [folder] => (folder.as_path(), None),
        [folder, shop] => (folder.as_path(), Some(shop.as_path())),
        _ => return Err(HELP.into()),
    };
    if let Some(shop) = given.filter(|shop| !shop.is_file()) {
        return Err(format!("there is no file {}", shop.display()).into());
    }
    let file = folder.join("shop.db");
    if file.exists() {
        return Err(format!("{} is there from another time", file.display()).into());
    }
    std::fs::create_dir_all(folder)?;
    let folder = folder.to_owned();
    let pool = shop::open(given, &file).await?;
    let stage = stage::set_up(folder, pool).await?;
    stage.access().await?;
    let eraser = stage.eraser()?;
    let request = stage.erasure(&eraser).await?;
    stage.breach().await?;
    stage.registers().await?;
    stage.years_later(&eraser, request).await?;
    stage.looking_back().await
}

fn say(text: std::fmt::Arguments<'_>) -> Done {
    Ok(writeln!(stdout(), "{text}")?)
}
