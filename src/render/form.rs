//! A self-service form as data (the `ui` of a flow, in the JSON shape of its API), laid out for a page.
//!
//! Whatever a login method puts in its nodes can be shown: hidden values, fields, boxes, buttons, text, pictures and
//! links. Fields of the group `default` come first, then each method's group; between methods stands an "or".

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RenderError;
use super::text::own_or_web_link;

/// The `ui` object of a flow.
#[derive(Debug, Clone, Deserialize)]
pub struct Ui {
    /// Where the form is sent.
    action: String,
    /// How: `POST` or `GET`.
    method: String,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Debug, Clone, Deserialize)]
struct Node {
    #[serde(rename = "type")]
    kind: String,
    group: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<Value>,
    required: bool,
    disabled: bool,
    autocomplete: Option<String>,
    pattern: Option<String>,
    maxlength: Option<u32>,
    #[serde(rename = "onclickTrigger")]
    trigger: Option<String>,
    text: Option<Message>,
    title: Option<Message>,
    href: Option<String>,
    src: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Meta {
    label: Option<Message>,
}

/// A sentence for the person.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Message {
    text: String,
    #[serde(rename = "type", default)]
    kind: String,
}

/// The form as templates draw it.
#[derive(Debug, Serialize)]
pub(super) struct FormView {
    action: String,
    method: String,
    messages: Vec<Message>,
    hidden: Vec<(String, String)>,
    sections: Vec<Section>,
}

/// What belongs together on the page.
#[derive(Debug, Serialize)]
struct Section {
    group: String,
    /// Whether an "or" stands above: another way to log in comes.
    alternative: bool,
    /// Whether its buttons work without the fields of other sections.
    standalone: bool,
    items: Vec<Item>,
}

/// One visible thing. `kind` chooses how it is drawn.
#[derive(Debug, Serialize)]
struct Item {
    kind: &'static str,
    id: String,
    name: String,
    input_type: String,
    value: String,
    label: String,
    href: String,
    required: bool,
    disabled: bool,
    checked: bool,
    autofocus: bool,
    invalid: bool,
    autocomplete: Option<String>,
    pattern: Option<String>,
    maxlength: Option<u32>,
    trigger: Option<String>,
    messages: Vec<Message>,
}

impl Ui {
    /// Reads the `ui` object of a flow.
    ///
    /// # Errors
    /// [`RenderError::Form`] if it is not one.
    pub fn read(value: Value) -> Result<Self, RenderError> {
        Ok(serde_json::from_value(value)?)
    }

    /// The identifier that the flow has fixed: it is sent along, but not asked for.
    pub(super) fn known_identifier(&self) -> Option<&str> {
        let fixed = |node: &&Node| node.is_hidden() && node.attributes.name.as_deref() == Some("identifier");
        let value = self.nodes.iter().find(fixed)?.attributes.value.as_ref()?.as_str();
        value.filter(|value| !value.is_empty())
    }

    /// The form laid out; `hint` fills the identifier if the flow has no value for it.
    pub(super) fn view(&self, hint: Option<&str>) -> FormView {
        let mut view = FormView {
            action: own_or_web_link(&self.action).unwrap_or_default(),
            method: if self.method.eq_ignore_ascii_case("get") { "get" } else { "post" }.to_owned(),
            messages: self.messages.clone(),
            hidden: Vec::new(),
            sections: Vec::new(),
        };
        let (default, methods): (Vec<_>, Vec<_>) =
            self.nodes.iter().enumerate().partition(|(_, n)| n.group == "default");
        for (index, node) in default.into_iter().chain(methods) {
            if node.is_hidden() {
                view.hidden.push((node.attributes.name.clone().unwrap_or_default(), node.value()));
            } else if let Some(item) = node.item(index, hint) {
                view.add(&node.group, item);
            }
        }
        view.finish();
        view
    }
}

impl FormView {
    fn add(&mut self, group: &str, item: Item) {
        match self.sections.iter_mut().find(|section| section.group == group) {
            Some(section) => section.items.push(item),
            None => self.sections.push(Section {
                group: group.to_owned(),
                alternative: false,
                standalone: false,
                items: vec![item],
            }),
        }
    }

    /// Places the dividers and the cursor.
    fn finish(&mut self) {
        let mut methods = 0;
        for section in &mut self.sections {
            if section.group != "default" {
                section.alternative = methods > 0;
                methods += 1;
            }
            section.standalone = !section.items.iter().any(|item| item.kind == "field" || item.kind == "checkbox");
        }
        let mut fields =
            self.sections.iter_mut().flat_map(|s| &mut s.items).filter(|i| i.kind == "field" && !i.disabled);
        let mut first = fields.next();
        if first.as_ref().is_some_and(|field| !field.value.is_empty() && !field.invalid) {
            first = fields.next().or(first);
        }
        if let Some(field) = first {
            field.autofocus = true;
        }
    }
}

impl Node {
    fn is_hidden(&self) -> bool {
        self.attributes.kind.as_deref() == Some("hidden")
    }

    fn value(&self) -> String {
        match &self.attributes.value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// What to draw, or nothing: scripts are the page's own, and what cannot be shown safely is left out.
    fn item(&self, index: usize, hint: Option<&str>) -> Option<Item> {
        let attributes = &self.attributes;
        let (kind, href) = match self.kind.as_str() {
            "input" => (input_kind(attributes.kind.as_deref()), String::new()),
            "a" => ("link", own_or_web_link(attributes.href.as_deref()?)?),
            "img" => ("image", picture(attributes.src.as_deref()?)?),
            "text" | "div" => ("text", String::new()),
            _ => return None,
        };
        let said = attributes.text.as_ref().or(attributes.title.as_ref());
        let label = self.meta.label.as_ref().or(said).map(|message| message.text.clone());
        let name = attributes.name.clone().unwrap_or_default();
        let value = match (kind, said) {
            ("text", Some(said)) => said.text.clone(),
            // A password is never sent back to the page.
            ("field", _) if attributes.kind.as_deref() == Some("password") => String::new(),
            ("field", _) if name == "identifier" && self.value().is_empty() => hint.unwrap_or_default().to_owned(),
            _ => self.value(),
        };
        Some(Item {
            kind,
            id: format!("field-{index}"),
            input_type: attributes.kind.clone().unwrap_or_else(|| "text".to_owned()),
            label: label.unwrap_or_else(|| name.clone()),
            checked: kind == "checkbox" && attributes.value == Some(Value::Bool(true)),
            name,
            value,
            href,
            required: attributes.required,
            disabled: attributes.disabled,
            autofocus: false,
            invalid: self.messages.iter().any(|message| message.kind == "error"),
            autocomplete: attributes.autocomplete.clone(),
            pattern: attributes.pattern.clone(),
            maxlength: attributes.maxlength,
            trigger: attributes.trigger.clone(),
            messages: self.messages.clone(),
        })
    }
}

fn input_kind(kind: Option<&str>) -> &'static str {
    match kind {
        Some("submit") => "submit",
        Some("button") => "button",
        Some("checkbox") => "checkbox",
        _ => "field",
    }
}

/// A picture that the page's policy lets through: embedded PNG (a QR code) or https.
fn picture(src: &str) -> Option<String> {
    let embedded = src.starts_with("data:image/png;base64,");
    if embedded { Some(src.to_owned()) } else { own_or_web_link(src).filter(|src| !src.starts_with("http:")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(group: &str, name: &str, kind: &str, value: &Value) -> Value {
        json!({"type": "input", "group": group, "messages": [], "meta": {},
            "attributes": {"name": name, "type": kind, "value": value, "disabled": false, "node_type": "input"}})
    }

    fn view(nodes: &Value, hint: Option<&str>) -> FormView {
        Ui::read(json!({"action": "/x", "method": "POST", "nodes": nodes})).expect("a form").view(hint)
    }

    #[test]
    fn methods_stand_apart_and_the_shared_field_comes_first() {
        let nodes = json!([
            input("oidc", "provider", "submit", &json!("acme")),
            input("password", "password", "password", &Value::Null),
            input("default", "csrf_token", "hidden", &json!("t")),
            input("default", "identifier", "text", &json!("")),
            input("password", "method", "submit", &json!("password")),
        ]);
        let view = view(&nodes, None);
        let order: Vec<_> = view.sections.iter().map(|s| (s.group.as_str(), s.alternative, s.standalone)).collect();
        assert_eq!(order, [("default", false, false), ("oidc", false, true), ("password", true, false)]);
        assert_eq!(view.hidden, [("csrf_token".to_owned(), "t".to_owned())]);
    }

    #[test]
    fn the_hint_fills_an_empty_identifier_and_the_cursor_waits_in_the_next_field() {
        for (value, hint, shown, cursor) in [
            ("", None, "", "identifier"),
            ("", Some("ann@example.com"), "ann@example.com", "password"),
            ("bo@example.com", Some("ann@example.com"), "bo@example.com", "password"),
        ] {
            let nodes = json!([
                input("default", "identifier", "text", &json!(value)),
                input("password", "password", "password", &Value::Null),
            ]);
            let view = view(&nodes, hint);
            let items: Vec<_> = view.sections.iter().flat_map(|s| &s.items).collect();
            assert_eq!(items[0].value, shown);
            assert_eq!(items.iter().find(|i| i.autofocus).map(|i| i.name.as_str()), Some(cursor));
        }
    }

    #[test]
    fn a_wrong_value_gets_the_cursor_back() {
        let mut wrong = input("default", "identifier", "text", &json!("ann"));
        wrong["messages"] = json!([{"id": 4_000_001, "text": "no", "type": "error"}]);
        let view = view(&json!([wrong, input("password", "password", "password", &Value::Null)]), None);
        assert!(view.sections[0].items[0].autofocus && view.sections[0].items[0].invalid);
    }

    #[test]
    fn what_could_run_or_lead_astray_is_left_out() {
        let nodes = json!([
            {"type": "script", "group": "webauthn", "attributes": {"src": "https://x.example/a.js"}},
            {"type": "a", "group": "default", "attributes": {"href": "javascript:alert(1)"}},
            {"type": "img", "group": "totp", "attributes": {"src": "data:image/svg+xml,x"}},
            {"type": "unheard-of", "group": "default"},
        ]);
        assert!(view(&nodes, None).sections.is_empty());
        let astray = Ui::read(json!({"action": "javascript:alert(1)", "method": "POST"})).expect("a form");
        assert_eq!(astray.view(None).action, "");
    }
}
