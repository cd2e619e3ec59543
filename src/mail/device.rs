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

/// The text by which devices are compared: the browser and the system without their versions, or the name of another
/// program. `None` without a User-Agent header.
pub(crate) fn device_of(user_agent: Option<&str>) -> Option<&str> {
    let user_agent = user_agent?;
    name(user_agent).or_else(|| user_agent.split(['/', ' ']).next())
}

/// The browser and the system of a User-Agent header, if both are known.
pub(super) fn name(user_agent: &str) -> Option<&'static str> {
    let find = |texts: &[&str]| texts.iter().position(|text| user_agent.contains(text));
    Some(NAMES[find(&BROWSERS)?][find(&SYSTEMS)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_stays_the_same_when_its_program_is_updated() {
        let firefox =
            |version: u32| format!("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/{version}.0");
        assert_eq!(device_of(Some(&firefox(140))), device_of(Some(&firefox(141))));
        assert_eq!(device_of(Some("Notes/1.2 (build 7)")), device_of(Some("Notes/1.3")));
        assert_ne!(device_of(Some("Notes/1.2")), device_of(Some("curl/8.0")));
        assert_eq!(device_of(None), None);
    }

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
