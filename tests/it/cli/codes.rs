//! `load-codes`: a provider's codes go into a running service.

use std::{
    fmt::Write,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use flate2::{Compression, write::GzEncoder};

use super::lists::{list, run_for};
use crate::support::{
    codes::{POOL, pool},
    company,
    database::TestDatabase,
    installation::{Installation, enrollment, succeed, text},
    process::ServiceProcess,
    server::{Start, TestServer},
};

fn load_command(address: &str, token: &Path, file: &Path) -> Command {
    let mut command = enrollment();
    command
        .args(["load-codes", "--pool", POOL, "--load-id", "first"])
        .args(["--endpoint", &format!("http://{address}")])
        .args(["--token-file".as_ref(), token.as_os_str()])
        .args(["--file".as_ref(), file.as_os_str()]);
    command
}

async fn load_codes(server: &TestServer, file: &Path) -> Output {
    run_for(server, |address, token| load_command(address, token, file)).await
}

async fn with_offer(database: &TestDatabase, start: Start) -> TestServer {
    let server = TestServer::start_with(&database.settings, start).await;
    company::open_offer(&server, company::offer()).await;
    server
}

on_each_database! {
    async fn codes_come_in_once_and_bad_rows_are_written_down_at_each_run(database) {
        let server = with_offer(&database, Start::default()).await;
        let (folder, file) = list("activation_code\nCODE-1\nsecret thing\n CODE-2 \nCODE-1\n\"CODE-3\"\n");

        for _ in 0..2 {
            let told = succeed(&load_codes(&server, &file).await);
            assert!(
                told.starts_with(&format!("{POOL}/loads/first: 3 codes; 2 rows rejected, see ")),
                "{told}"
            );
            assert_eq!(
                fs::read_to_string(folder.path().join("list.csv.rejected.csv")).unwrap(),
                "row,column,rule\n\
                 2,activation_code,must be 6 to 64 visible ASCII characters without blanks\n\
                 4,activation_code,must not be in a pool already\n"
            );
        }
        assert_eq!(pool(&server).await.loaded_count, 3);
    }

    async fn a_compressed_list_of_several_chunks_is_loaded_whole(database) {
        let server = with_offer(&database, Start::default()).await;
        let mut text = "activation_code\n".to_owned();
        for number in 0..12_345 {
            writeln!(text, "CODE-{number}").unwrap();
        }
        let (_folder, file) = list("");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        fs::write(&file, gzip.finish().unwrap()).unwrap();

        succeed(&load_codes(&server, &file).await);

        assert_eq!(pool(&server).await.loaded_count, 12_345);
    }

    async fn a_list_that_is_not_understood_leaves_nothing_behind(database) {
        let server = with_offer(&database, Start::default()).await;
        for header in ["code", "activation_code,note", ""] {
            let (_folder, file) = list(&format!("{header}\nCODE-1,x\n"));

            let output = load_codes(&server, &file).await;

            assert_eq!(output.status.code(), Some(1));
            let told = text(&output.stderr);
            assert!(told.contains("the header is not understood"), "{told}");
        }
        assert_eq!(database.rows("code_loads").await, 0);
    }

    async fn a_service_that_is_killed_meanwhile_has_every_code_once(database) {
        const CODES: i64 = 60_000;
        let installation = Installation::new();
        let start = Start { keys: installation.keys(), ..Start::default() };
        with_offer(&database, start).await.stop().await.unwrap();
        let service = ServiceProcess::start(&mut installation.serve(&database, "127.0.0.1:0"));
        let address = service.address.to_string();
        let mut text = "activation_code\n".to_owned();
        for number in 0..CODES {
            writeln!(text, "CODE-{number}").unwrap();
        }
        let (folder, file) = list(&text);
        let token = folder.path().join("token");
        fs::write(&token, installation.token(&["operator"])).unwrap();
        let mut command = load_command(&address, &token, &file);
        let loading = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

        while database.rows("pool_codes").await == 0 {}
        service.kill();
        let service = ServiceProcess::start(&mut installation.serve(&database, &address));
        let output = tokio::task::spawn_blocking(|| loading.wait_with_output().unwrap()).await.unwrap();

        let told = succeed(&output);
        assert!(told.contains(&format!("first: {CODES} codes\n")), "{told}");
        assert!(told.contains("went on by itself after"), "{told}");
        assert!(!folder.path().join("list.csv.rejected.csv").exists());
        assert_eq!(database.rows("pool_codes").await, CODES);
        assert_eq!(database.count("SELECT loaded FROM code_pools").await, CODES);
        assert_eq!(service.stop().code(), Some(0));
    }
}
