//! A name for the device of a client. Only names from these lists get into a message, because anybody can send any
//! User-Agent header, such as one that asks the reader to open a link.

/// The texts in User-Agent headers that name a browser. Later browsers contain the names of earlier ones.
const BROWSERS: [&str; 6] = ["Edg", "OPR/", "SamsungBrowser", "Firefox", "Chrome", "Safari"];

/// The texts in User-Agent headers that name a system. Android also contains Linux, and iOS contains Mac OS X.
const SYSTEMS: [&str; 7] = ["Android", "iPhone", "iPad", "Windows", "CrOS", "Mac OS X", "Linux"];

/// The name of each browser on each system.
macro_rules! names {
    ($($browser:literal)*) => {
        [$([
            concat!($browser, ", Android"), concat!($browser, ", iPhone"), concat!($browser, ", iPad"),
            concat!($browser, ", Windows"), concat!($browser, ", ChromeOS"), concat!($browser, ", macOS"),
            concat!($browser, ", Linux"),
        ]),*]
    };
}

const NAMES: [[&str; 7]; 6] = names!["Edge" "Opera" "Samsung Internet" "Firefox" "Chrome" "Safari"];

/// The browser and the system of a User-Agent header, if both are known.
pub(super) fn name(user_agent: &str) -> Option<&'static str> {
    let find = |texts: &[&str]| texts.iter().position(|text| user_agent.contains(text));
    Some(NAMES[find(&BROWSERS)?][find(&SYSTEMS)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_name_from_the_lists_or_none() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(name(firefox), Some("Firefox, Linux"));
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0";
        assert_eq!(name(edge), Some("Edge, Windows"));
        assert_eq!(name("Your account is blocked, open https://evil.example"), None);
        assert_eq!(name("Firefox on Linux: open https://evil.example"), Some("Firefox, Linux"));
    }
}
