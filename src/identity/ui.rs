//! A form as data: the `ui` of a flow, in the JSON shape of the self-service API, for pages and for API clients alike.
//!
//! Methods give nodes; [`Ui::new`] puts them in order and adds the anti-forgery field. Not here: how a page draws them
//! (`render`), and the masking of anti-forgery tokens (`web`).

use serde::Serialize;
use serde_json::Value;

use super::message::Message;

/// A form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ui {
    /// Where it is sent.
    pub action: String,
    /// How: always `POST` so far.
    pub method: &'static str,
    /// Its fields and buttons, in the order they are shown.
    pub nodes: Vec<Node>,
    /// What is said about the form as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

impl Ui {
    /// A form sent to `action`: the anti-forgery field first, then `nodes` by group, each group in the order given.
    ///
    /// `csrf_token` is what web masked for this answer; `None` for an API flow, whose field stays empty.
    pub fn new(action: String, csrf_token: Option<&str>, mut nodes: Vec<Node>, messages: Vec<Message>) -> Self {
        nodes.insert(0, csrf(csrf_token));
        nodes.sort_by_key(|node| node.group);
        Self { action, method: "POST", nodes, messages }
    }
}

fn csrf(token: Option<&str>) -> Node {
    Node::input(Group::Default, "csrf_token", InputType::Hidden).value(token.unwrap_or_default()).required()
}

/// What a node belongs to. The order is the one a login form shows them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Used by every method.
    Default,
    /// The password method.
    Password,
}

/// One field or button.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: NodeType,
    /// What it belongs to.
    pub group: Group,
    /// How it behaves.
    pub attributes: InputAttributes,
    /// What is said about it.
    pub messages: Vec<Message>,
    /// What it is called.
    pub meta: Meta,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeType {
    /// A field or button.
    Input,
}

/// How a field or button behaves: the attributes of an HTML `input` of the same names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputAttributes {
    /// The name its value is sent under.
    pub name: &'static str,
    /// Which input.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// The value it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Whether it must be filled in.
    #[serde(skip_serializing_if = "is_false")]
    pub required: bool,
    /// What a browser may fill in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autocomplete: Option<&'static str>,
    /// Whether it is shown but cannot be changed.
    pub disabled: bool,
    /// The same as the node's type.
    pub node_type: NodeType,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The `type` of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// Not shown.
    Hidden,
    /// Shown as dots.
    Password,
    /// A button that sends the form.
    Submit,
    /// One line of text.
    Text,
}

/// What a node is called.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Meta {
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Message>,
}

impl Node {
    /// An input of `group` with nothing but a name and a type.
    pub fn input(group: Group, name: &'static str, kind: InputType) -> Self {
        let attributes = InputAttributes {
            name,
            kind,
            value: None,
            required: false,
            autocomplete: None,
            disabled: false,
            node_type: NodeType::Input,
        };
        Self { kind: NodeType::Input, group, attributes, messages: Vec::new(), meta: Meta::default() }
    }

    /// With a value.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.attributes.value = Some(Value::from(value));
        self
    }

    /// Must be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.attributes.required = true;
        self
    }

    /// May be filled in by the browser with its `token` (HTML autofill).
    #[must_use]
    pub fn autocomplete(mut self, token: &'static str) -> Self {
        self.attributes.autocomplete = Some(token);
        self
    }

    /// Called `label`.
    #[must_use]
    pub fn label(mut self, label: Message) -> Self {
        self.meta.label = Some(label);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anti_forgery_field_comes_first_and_groups_follow_in_order() {
        let nodes = vec![
            Node::input(Group::Password, "password", InputType::Password),
            Node::input(Group::Password, "method", InputType::Submit),
            Node::input(Group::Default, "identifier", InputType::Text),
        ];
        let ui = Ui::new("/x".to_owned(), Some("masked"), nodes, Vec::new());
        let names: Vec<_> = ui.nodes.iter().map(|node| node.attributes.name).collect();
        assert_eq!(names, ["csrf_token", "identifier", "password", "method"]);
        assert_eq!(ui.nodes[0].attributes.value, Some(Value::from("masked")));
    }

    #[test]
    fn an_api_flow_has_an_empty_anti_forgery_field() {
        let ui = Ui::new("/x".to_owned(), None, Vec::new(), vec![Message::wrong_credentials()]);
        insta::assert_json_snapshot!(ui);
    }

    #[test]
    fn pages_can_read_it() {
        let nodes = vec![Node::input(Group::Default, "identifier", InputType::Text).required().value("a@b.example")];
        let ui = Ui::new("/x".to_owned(), Some("masked"), nodes, vec![Message::wrong_credentials()]);
        assert!(crate::render::Ui::read(serde_json::to_value(ui).expect("JSON")).is_ok());
    }

    #[test]
    fn a_node_has_the_shape_of_the_self_service_api() {
        let node = Node::input(Group::Password, "password", InputType::Password)
            .required()
            .autocomplete("current-password")
            .label(Message::label_password());
        insta::assert_json_snapshot!(node);
    }
}
