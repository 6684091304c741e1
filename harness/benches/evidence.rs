//! The cost of evidence: the two events of a request, by hand and by the serialiser.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus::evidence::writer::Recorder;
use gradus::evidence::{Ending, Event, Record};

fn events(c: &mut Criterion) {
    let mut group = c.benchmark_group("evidence");
    group.throughput(Throughput::Elements(2));
    let recorder = Recorder::new(std::io::sink());
    group.bench_function("recorder", |b| {
        b.iter(|| {
            recorder.request(123_456, 31, 2, "GET", "/pages/17-0a1b2c3d.html", Some(17));
            recorder.answered(123_456, 200, 1024, Ending::Complete)
        });
    });
    let (mut n, mut line) = (0, Vec::new());
    group.bench_function("serde_json", |b| {
        b.iter(|| {
            line.clear();
            let request = Event::Request {
                req: 123_456,
                conn: 31,
                host: 2,
                method: "GET".to_owned(),
                target: "/pages/17-0a1b2c3d.html".to_owned(),
                item: Some(17),
            };
            let answered = Event::Answered {
                req: 123_456,
                status: 200,
                bytes: 1024,
                ending: Ending::Complete,
            };
            for event in [request, answered] {
                n += 1;
                serde_json::to_writer(
                    &mut line,
                    &Record {
                        n,
                        t: n * 1000,
                        event,
                    },
                )
                .expect("memory takes all");
            }
        });
    });
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);
