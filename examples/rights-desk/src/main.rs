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
    let (mut folder, mut given) = (temporary.path().to_owned(), None);
    for argument in std::env::args_os().skip(1) {
        if argument == "--help" || argument == "-h" {
            return say(format_args!("{HELP}"));
        }
        let argument = PathBuf::from(argument);
        if argument.is_file() { given = Some(argument) } else { folder = argument }
    }
    std::fs::create_dir_all(&folder)?;
    let pool = shop::open(given.as_deref(), &folder.join("shop.db")).await?;
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
