use gradus::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let dir = &a[1];
    let spec: serde_json::Value = serde_json::from_str(&a[2]).unwrap();
    let yaml = serde_json::json!({"schema":1,"task":"disk-writer","title":{"en":"x"},"teaches":{"en":"x"},"kind":"client","run":["disk-writer","-c","{limit}","-o","{out}","{urls}"],
     "limits": spec.get("limits").cloned().unwrap_or(serde_json::json!({})),
     "scenarios":[{"scenario":"s","title":{"en":"x"},"with":[spec["with"]],"world":spec["world"],"script":spec["script"],"checks":[]}]});
    let task: task::Task = serde_json::from_value(yaml).unwrap();
    let plan = plan::expand::expand(&task, &task.scenarios[0], 0, 42).unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let user = arena::user::for_next_run();
    for d in ["work", "in"] {
        std::fs::create_dir(tmp.path().join(d)).unwrap();
    }
    for e in std::fs::read_dir(dir).unwrap() {
        let e = e.unwrap();
        std::fs::copy(e.path(), tmp.path().join("work").join(e.file_name())).unwrap();
    }
    if let Some(u) = user {
        for d in [
            tmp.path().to_owned(),
            tmp.path().join("work"),
            tmp.path().join("in"),
        ] {
            std::os::unix::fs::chown(d, Some(u.id), Some(u.id)).unwrap();
        }
    }
    let tools = arena::toolchain::Toolchains::find(&arena::toolchain::Wish {
        env: &|n| std::env::var(n).ok(),
        command: None,
        expose: &[],
        hidden: &[],
    });
    let run: Vec<String> = a[3..].to_vec();
    let config: arena::Config = serde_json::from_value(serde_json::json!({"tier": std::env::var("TIER").unwrap_or("full".into()),"dir":tmp.path(),"work":tmp.path().join("work"),"input":tmp.path().join("in"),"user":user,"hosts":[["alpha.test","127.0.0.2"],["beta.test","127.0.0.3"],["gamma.test","127.0.0.4"]],"toolchains":tools,"tmp_mib":64})).unwrap();
    let job = arena::handle::Job {
        plan,
        run,
        config,
        port: None,
    };
    let cancel = arena::handle::Cancel::default();
    let t = std::time::Instant::now();
    let exe = std::env::current_exe()
        .unwrap()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("gradus");
    let r = arena::handle::run(&exe, &job, &cancel, |line| {
        println!("{}", String::from_utf8_lossy(&line[..line.len().min(220)]));
        Ok(())
    });
    println!("{r:?} {:?}", t.elapsed());
}
