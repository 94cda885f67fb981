//! The shop's page: what a newcomer sees in a browser, and buys through haul.js.

use serde_json::json;

use super::goods::{self, Good, Manner};

/// The page, with places for what it sells and for the door of haul.
const PAGE: &str = include_str!("shop.html");

/// Writes the page, for a door.
pub(super) fn page(door: &str) -> String {
    let goods: Vec<_> = goods::all()
        .iter()
        .filter(|good| good.manner != Manner::Gone)
        .map(|good| json!({ "path": good.path, "name": good.name, "info": info(good) }))
        .collect();
    // No name in it can end the script.
    let goods = json!(goods).to_string().replace("</", "<\\/");
    PAGE.replace("{goods}", &goods).replace("{door}", door)
}

/// What the shop says of a file beside its bytes: who sold it.
fn info(good: &Good) -> serde_json::Value {
    json!({ "Provider": good.host })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_sold_stands_on_the_page_and_the_rest_does_not() {
        let page = page("http://127.0.0.1:4285");
        assert!(page.contains(r#"<script src="http://127.0.0.1:4285/haul.js">"#));
        for good in goods::all() {
            assert_eq!(page.contains(good.path), good.manner != Manner::Gone, "{}", good.path);
        }
        assert!(!page.contains("{goods}") && !page.contains("{door}"));
        assert_eq!(page.matches("</script>").count(), 2);
    }
}
