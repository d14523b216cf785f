mod roman;

use roman::{read, write};

#[test]
fn numbers_are_written() {
    let written: Vec<_> = [1, 4, 9, 14, 40, 90, 400, 1994, 3999].map(|n| write(n).unwrap()).into();
    assert_eq!(
        written,
        ["I", "IV", "IX", "XIV", "XL", "XC", "CD", "MCMXCIV", "MMMCMXCIX"]
    );
}

#[test]
fn what_was_written_is_read() {
    for number in 1..4000 {
        assert_eq!(read(&write(number).unwrap()), Some(number));
    }
}

#[test]
fn there_is_no_nothing_and_nothing_above() {
    assert_eq!((write(0), write(4000)), (None, None));
}

#[test]
fn what_is_not_written_well_is_refused() {
    for text in ["", "IIII", "VX", "IC", "MIM", "A", "iv"] {
        assert_eq!(read(text), None, "{text}");
    }
}
