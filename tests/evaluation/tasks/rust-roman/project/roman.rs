//! Numbers from 1 to 3999 as the Romans wrote them.

const DIGITS: [(u32, &str); 7] = [
    (1000, "M"),
    (500, "D"),
    (100, "C"),
    (50, "L"),
    (10, "X"),
    (5, "V"),
    (1, "I"),
];

/// Return the number in Roman digits, None where there is no such.
pub fn write(mut number: u32) -> Option<String> {
    let mut text = String::new();
    for (value, digit) in DIGITS {
        while number >= value {
            text.push_str(digit);
            number -= value;
        }
    }
    Some(text)
}

/// Return the value of a Roman number, None where it is none or not written as it should be.
pub fn read(text: &str) -> Option<u32> {
    let mut sum = 0;
    for letter in text.chars() {
        let (value, _) = DIGITS.iter().find(|(_, digit)| digit.starts_with(letter))?;
        sum += value;
    }
    Some(sum)
}
