//! Generated files are up to date.

use std::fs;

#[test]
fn pages_are_those_of_the_modes() {
    let root = xtask::root();
    let pages = xtask::docs::pages();
    let stale = xtask::docs::stale(&root, &pages).unwrap();
    assert!(stale.is_empty(), "run `cargo xtask docs`: these modes are gone: {stale:?}");
    for (path, text) in pages {
        let found = fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(found == text, "run `cargo xtask docs`: {} is out of date", path.display());
    }
}
