//! Server-Sent Events (HTML §9.2.6), out of bytes that come in any portions.

/// Bytes of an event at most.
const LONGEST: usize = 64 << 10;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `id`, if it has one.
    pub id: Option<String>,
    /// `event`.
    pub kind: String,
    /// `data`, its lines joined.
    pub data: String,
}

/// The reader of a stream.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    event: Event,
    /// Of the event so far.
    length: usize,
}

impl Events {
    /// The events that are complete with these bytes; none if one is too long.
    pub fn read(&mut self, bytes: &[u8]) -> Option<Vec<Event>> {
        let mut found = Vec::new();
        for byte in bytes {
            self.length += 1;
            if self.length > LONGEST {
                return None;
            }
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8_lossy(&line);
                found.extend(self.end_of(line.trim_end_matches('\r')));
            } else {
                self.line.push(*byte);
            }
        }
        Some(found)
    }

    fn end_of(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            self.length = 0;
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment, or what is not known.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_in_any_portions() {
        let text = ": hello\r\nid: 7\r\nevent: head\r\ndata: {\"a\":\ndata: 1}\nretry: 5\n\n\nid: 8\nevent:end\ndata:x\n\n";
        let event = |id: &str, kind: &str, data: &str| Event {
            id: Some(id.to_owned()),
            kind: kind.to_owned(),
            data: data.to_owned(),
        };
        let expected = [event("7", "head", "{\"a\":\n1}"), event("8", "end", "x")];
        for size in 1..text.len() {
            let mut events = Events::default();
            let portions = text.as_bytes().chunks(size);
            let found: Vec<Event> = portions
                .flat_map(|part| events.read(part).unwrap_or_default())
                .collect();
            assert_eq!(found, expected, "{size} bytes at a time");
        }
    }

    #[test]
    fn an_endless_event_is_given_up() {
        let mut events = Events::default();
        let part = [b'x'; 1 << 10];
        assert!((0..=LONGEST / part.len()).any(|_| events.read(&part).is_none()));
        let mut events = Events::default();
        let line = b"data: not the end\n";
        assert!((0..=LONGEST / line.len()).any(|_| events.read(line).is_none()));
    }
}
