//! Prints a PTX file as canonical text, or as device text: `cargo run -p assay-ptx --example show -- FILE [device]`.

use assay_ptx::{Image, UnitTable, print, print_device};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = args.next().ok_or("a PTX file")?;
    let image = Image::from_ptx(&std::fs::read_to_string(file)?)?;
    let device = args.next().as_deref() == Some("device");
    print!("{}", if device { print_device(&image, &UnitTable::V1) } else { print(&image) });
    Ok(())
}
