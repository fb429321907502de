//! Messages of any type, every field of them filled with nonsense.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value,
};

/// Stands in every text, and must stand in no answer.
pub const MARK: &str = "kestrel-4711";

/// How deep a message is filled: deeper than any of the API's.
const DEPTH: usize = 8;

/// How often something is repeated inside of what is repeated.
const INNER_REPEATS: usize = 9;

/// What every field is filled with.
#[derive(Debug, Clone)]
pub struct Filling {
    text: String,
    number: i64,
    repeats: usize,
    /// Which field of a oneof is set.
    choice: usize,
}

pub fn fillings() -> Vec<Filling> {
    let filling = |text: String, number: i64, repeats: usize, choice: usize| Filling {
        text,
        number,
        repeats,
        choice,
    };
    let mut fillings = Vec::new();
    // Each identifier, each part of a load, each kind of row.
    for choice in 0..6 {
        fillings.push(filling(format!("{MARK}\u{1}"), i64::MIN, 1, choice));
        fillings.push(filling(format!("projects/{MARK}"), i64::MAX, 2, choice));
    }
    fillings.push(filling(format!("{MARK}' OR 1=1; --\u{202e}\0"), -1, 9, 0));
    fillings.push(filling(MARK.repeat(1_000), 9_999, 1, 0));
    fillings.push(filling(MARK.to_owned(), 9_999, 10_000, 0));
    fillings
}

impl Filling {
    pub fn message(&self, of: &MessageDescriptor) -> DynamicMessage {
        self.fill(of, self.repeats, DEPTH)
    }

    fn fill(&self, of: &MessageDescriptor, repeats: usize, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        for field in of.fields() {
            let chosen = field
                .containing_oneof()
                .is_none_or(|oneof| self.choose(&oneof) == field);
            if let Some(value) = self.value(&field, repeats, depth).filter(|_| chosen) {
                message.set_field(&field, value);
            }
        }
        message
    }

    fn choose(&self, oneof: &OneofDescriptor) -> FieldDescriptor {
        let fields = oneof.fields().collect::<Vec<_>>();
        fields[self.choice % fields.len()].clone()
    }

    fn value(&self, field: &FieldDescriptor, repeats: usize, depth: usize) -> Option<Value> {
        if !field.is_list() {
            return self.single(&field.kind(), repeats, depth);
        }
        let inner = repeats.min(INNER_REPEATS);
        let value = self.single(&field.kind(), inner, depth)?;
        Some(Value::List(vec![value; repeats]))
    }

    fn single(&self, kind: &Kind, repeats: usize, depth: usize) -> Option<Value> {
        // Enums and 32 bits get what is nearest.
        let small = i32::try_from(self.number.clamp(i32::MIN.into(), i32::MAX.into())).unwrap();
        Some(match kind {
            Kind::String => Value::String(self.text.clone()),
            Kind::Bytes => Value::Bytes(self.text.clone().into()),
            Kind::Bool => Value::Bool(true),
            Kind::Int32 => Value::I32(small),
            Kind::Int64 => Value::I64(self.number),
            Kind::Enum(_) => Value::EnumNumber(9_999),
            Kind::Message(inner) if depth > 0 => {
                Value::Message(self.fill(inner, repeats, depth - 1))
            }
            Kind::Message(_) => return None,
            Kind::Double => Value::F64(f64::from(small)),
            Kind::Float
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64 => panic!("the API has a new kind of field: {kind:?}"),
        })
    }
}
