use gradus::*;
fn main() {
    let dir: String = std::env::args().nth(1).unwrap();
    let yaml = serde_json::json!({"schema":1,"task":"echo","title":{"en":"x"},"teaches":{"en":"x"},"kind":"server","run":["echo"],
     "scenarios":[{"scenario":"s","title":{"en":"x"},"world":{"swarm":{}},"limits":{"descriptors":20000},
      "script":["listen",{"connect":{"group":"a","count":3}},{"send":{"group":"a","alphabet":"letters"}},{"until":{"echoed":{"group":"a"}}},"settle",
       {"send":{"group":"a","alphabet":"wide","pieces":"halves"}},{"until":{"echoed":{"group":"a"}}},
       {"send":{"group":"a","alphabet":"bytes","pieces":"bytes","size":12}},{"until":{"echoed":{"group":"a"}}},
       {"send":{"group":"a","size":20000000}}, {"finish":{"group":"a"}},{"until":{"ended":{"group":"a"}}},
       {"connect":{"group":"many","count":10000}}, {"send":{"group":"many"}},{"until":{"echoed":{"group":"many"}}},{"measure":"held"},"settle",
       {"signal":"TERM"},"exit"],"checks":[]}]});
    let task: task::Task = serde_json::from_value(yaml).unwrap();
    let plan = plan::expand::expand(&task, &task.scenarios[0], 0, 42).unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let user = arena::user::for_next_run();
    for d in ["work","in"] { std::fs::create_dir(tmp.path().join(d)).unwrap(); }
    for e in std::fs::read_dir(&dir).unwrap() { let e=e.unwrap(); std::fs::copy(e.path(), tmp.path().join("work").join(e.file_name())).unwrap(); }
    if let Some(u) = user { for d in [tmp.path().to_owned(), tmp.path().join("work"), tmp.path().join("in")] { std::os::unix::fs::chown(d, Some(u.id), Some(u.id)).unwrap(); } }
    let tools = arena::toolchain::Toolchains::find(&arena::toolchain::Wish{ env: &|n| std::env::var(n).ok(), command: None, expose: &[], hidden: &[]});
    let run: Vec<String> = std::env::args().skip(2).collect();
    let config: arena::Config = serde_json::from_value(serde_json::json!({"tier": std::env::var("TIER").unwrap_or("full".into()),"dir":tmp.path(),"work":tmp.path().join("work"),"input":tmp.path().join("in"),"user":user,"hosts":[],"toolchains":tools,"tmp_mib":64})).unwrap();
    let job = arena::handle::Job{plan, run, config, port: None};
    let cancel = arena::handle::Cancel::default();
    let t = std::time::Instant::now();
    let mut n = 0;
    let r = arena::handle::run(std::path::Path::new("target/debug/gradus"), &job, &cancel, |line| { n += 1; let s = String::from_utf8_lossy(&line[..line.len().min(250)]); if !s.contains("\"e\":\"client") || n < 70 { println!("{s}"); } Ok(()) });
    println!("{r:?} {:?}", t.elapsed());
}
