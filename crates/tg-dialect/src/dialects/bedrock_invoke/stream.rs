//! Claude's stream in `chunk` frames: canonical events in and out.

use bytes::BytesMut;
use tg_kernel::event::Event;
use tg_kernel::fault::Fault;

use super::rewrap::write_metrics;
use super::{chunk, envelope};
use crate::dialect::{ReplyFacts, StreamDecoder, StreamEncoder};
use crate::dialects::anthropic_messages::decoder::EventDecoder;
use crate::dialects::anthropic_messages::encoder::EventEncoder;
use crate::dialects::bedrock_converse::fault::{self, StreamOf};
use crate::dialects::bedrock_converse::padding::Padding;
use crate::framing::eventstream::{FrameDecoder, Kind};

/// Reads `chunk` frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    frames: FrameDecoder,
    events: EventDecoder,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        self.frames.push(bytes);
        while let Some(frame) = self.frames.next_frame()? {
            if let Some(fault) = fault::decode_frame(frame.kind(), &frame.payload) {
                return Err(fault);
            }
            if frame.kind() == Kind::Event("chunk") {
                self.events.event(&chunk::read(&frame.payload)?, out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<Event>) -> Result<(), Fault> {
        self.events.finish()
    }
}

/// Writes `chunk` frames.
#[derive(Debug)]
pub(crate) struct Encoder {
    events: EventEncoder,
    padding: Padding,
}

impl Encoder {
    /// At the start of an answer.
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self { padding: Padding::new(facts.id), events: EventEncoder::new(facts) }
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, out: &mut BytesMut) {
        let padding = &mut self.padding;
        // The counts of the last event: all reports have come before the end.
        let metrics = matches!(event, Event::End).then(|| write_metrics(self.events.usage()));
        self.events.event(event, &mut |kind, data| match (kind, &metrics) {
            // Bedrock sends no pings.
            ("ping", _) => {}
            ("message_stop", Some(metrics)) => {
                chunk::write(&envelope::with_metrics(data.to_string().as_bytes(), metrics), padding, out);
            }
            _ => chunk::write(data.to_string().as_bytes(), padding, out),
        });
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        fault::encode_stream(fault, StreamOf::Invoke, out);
    }
}
