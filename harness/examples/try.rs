use gradus::*;
fn main() {
    let dir: String = std::env::args().nth(1).unwrap();
    let limit: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let yaml = serde_json::json!({"schema":1,"task":"fetcher","title":{"en":"x"},"teaches":{"en":"x"},"kind":"client","run":["fetcher","-c","{limit}","{urls}"],
     "scenarios":[{"scenario":"s","title":{"en":"x"},"with":[{"limit":limit}],"world":{"origin":{"pages":40,"gate":"head"}},
      "script":[{"until":{"in_flight":"limit"}},"settle",{"release":{"count":1}},{"until":{"in_flight":"limit"}},"settle","open","exit"],"checks":[]}]});
    let task: task::Task = serde_json::from_value(yaml).unwrap();
    let plan = plan::expand::expand(&task, &task.scenarios[0], 0, 42).unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let user = arena::user::for_next_run();
    for d in ["work","in"] { std::fs::create_dir(tmp.path().join(d)).unwrap(); }
    for e in std::fs::read_dir(&dir).unwrap() { let e=e.unwrap(); std::fs::copy(e.path(), tmp.path().join("work").join(e.file_name())).unwrap(); }
    if let Some(u) = user { for d in [tmp.path().to_owned(), tmp.path().join("work"), tmp.path().join("in")] { std::os::unix::fs::chown(d, Some(u.id), Some(u.id)).unwrap(); } }
    let tools = arena::toolchain::Toolchains::find(&arena::toolchain::Wish{ env: &|n| std::env::var(n).ok(), command: None, expose: &[], hidden: &[]});
    let run: Vec<String> = std::env::args().skip(3).collect();
    let config: arena::Config = serde_json::from_value(serde_json::json!({"tier": std::env::var("TIER").unwrap_or("full".into()),"dir":tmp.path(),"work":tmp.path().join("work"),"input":tmp.path().join("in"),"user":user,"hosts":[["alpha.test","127.0.0.2"],["beta.test","127.0.0.3"],["gamma.test","127.0.0.4"]],"toolchains":tools,"tmp_mib":64})).unwrap();
    let job = arena::handle::Job{plan, run, config, port: None};
    let cancel = arena::handle::Cancel::default();
    let t = std::time::Instant::now();
    let r = arena::handle::run(std::path::Path::new("target/debug/gradus"), &job, &cancel, |line| { println!("{}", String::from_utf8_lossy(&line[..line.len().min(250)])); Ok(()) });
    println!("{r:?} {:?}", t.elapsed());
}
