//! Several servers: a cluster whose keys move and whose nodes die, and Sentinels that name another server.

use super::server::{Server, free_port, until};
use super::{Replica, bucket, gauge, options, per_minute, purse};
use crate::backends::redis::{Options, Place};
use crate::counters::{Ask, HoldId, Reserved};
use std::time::{Duration, Instant};
use tg_kernel::ids::CallId;

fn call() -> HoldId {
    HoldId::of(CallId::fresh())
}

/// Three nodes with a third of the slots each.
fn cluster() -> Vec<Server> {
    let nodes: Vec<Server> = (0..3).map(|_| node()).collect();
    for (number, (node, slots)) in nodes.iter().zip(["0 5460", "5461 10922", "10923 16383"]).enumerate() {
        node.says(&format!("CLUSTER ADDSLOTSRANGE {slots}")).unwrap();
        node.says(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1)).unwrap();
        meet(&nodes[0], node);
    }
    for node in &nodes {
        until("a cluster comes about", || {
            let info = node.text("CLUSTER INFO");
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        });
    }
    nodes
}

fn node() -> Server {
    Server::with(|_| {
        let bus = free_port().to_string();
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus];
        options.map(str::to_owned).to_vec()
    })
}

fn meet(one: &Server, other: &Server) {
    let said: Vec<String> = redis::from_redis_value(other.says("CONFIG GET cluster-port").unwrap()).unwrap();
    let bus = &said[1];
    one.says(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", other.port)).unwrap();
}

/// The place in the list of the node that has our keys, and their slot.
fn owner(nodes: &[Server]) -> (usize, i64) {
    let slot = nodes[0].number("CLUSTER KEYSLOT {tallygate}:x");
    (usize::try_from(slot / 5461).unwrap().min(2), slot)
}

fn through(nodes: &[Server], first: usize) -> Replica {
    let listed: Vec<String> =
        (0..nodes.len()).map(|turn| format!("127.0.0.1:{}", nodes[(first + turn) % nodes.len()].port)).collect();
    let place = Place::parse(&format!("redis+cluster://{}", listed.join(","))).unwrap();
    Replica::of(Options { place, ..options(&nodes[0]) })
}

fn asks() -> [Ask; 5] {
    let rate = per_minute(100);
    [bucket("team", rate, 1), bucket("key", rate, 1), gauge("a", 90), gauge("b", 90), purse("p", 1_000_000, 10)]
}

/// Asks until there is an answer.
async fn answer(replica: &Replica, asks: &[Ask]) -> Reserved {
    let begun = Instant::now();
    loop {
        match replica.link.reserve(call(), asks).await {
            Ok(reserved) => return reserved,
            Err(away) => assert!(begun.elapsed() < Duration::from_secs(30), "{away}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_call_with_many_limits_crosses_no_slots_of_a_cluster() {
    let nodes = cluster();
    let (owner, slot) = owner(&nodes);
    let replica = through(&nodes, owner + 1);
    replica.seed("p", 0).await;
    let hold = replica.held(call(), &asks()).await;
    replica.counters.settle(hold, |_, taken| taken);
    replica.counters.book(CallId::fresh(), 10, &[asks()[4].key.clone()]);
    replica.say().await;
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(node.number("DBSIZE") > 0, number == owner);
    }
    let to = (owner + 1) % 3;
    let (from_id, to_id) = (nodes[owner].text("CLUSTER MYID"), nodes[to].text("CLUSTER MYID"));
    nodes[to].says(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}")).unwrap();
    nodes[owner].says(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}")).unwrap();
    let keys: Vec<String> = redis::from_redis_value(nodes[owner].says("KEYS *").unwrap()).unwrap();
    let mut migrate = redis::cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(nodes[to].port).arg("").arg(0).arg(5000).arg("KEYS").arg(keys);
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", nodes[owner].port)).unwrap();
    migrate.exec(&mut client.get_connection().unwrap()).unwrap();
    for node in [to, owner, (owner + 2) % 3] {
        nodes[node].says(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")).unwrap();
    }
    let Reserved::Unseeded(_) = answer(&replica, &asks()).await else { panic!("another server sums up anew") };
    assert!(replica.passes(&asks()[2..4]).await);
    let standing = replica.held(call(), &asks()[..1]).await.standings()[0];
    assert_eq!(standing.remaining, 98, "what was counted has moved, too");
}

#[tokio::test]
async fn a_node_that_dies_is_replaced_by_its_replica() {
    let mut nodes = cluster();
    let (owner, _) = owner(&nodes);
    nodes.push(node());
    meet(&nodes[0], &nodes[3]);
    let id = nodes[owner].text("CLUSTER MYID");
    until("the replica knows the node", || nodes[3].says(&format!("CLUSTER REPLICATE {id}")).is_ok());
    until("the replica follows", || nodes[3].text("INFO replication").contains("master_link_status:up"));
    until("all know of it", || {
        nodes.iter().all(|node| node.text("CLUSTER INFO").contains("cluster_known_nodes:4"))
            && nodes[(owner + 1) % 3].text("CLUSTER NODES").contains(&format!("slave {id}"))
    });
    let replica = through(&nodes, owner);
    replica.seed("p", 0).await;
    assert!(replica.passes(&asks()).await);
    nodes[owner].is_followed_by(&nodes[3]);
    nodes[owner].kill();
    let Reserved::Unseeded(_) = answer(&replica, &asks()).await else { panic!("it may lack the last moments") };
    replica.seed("p", 0).await;
    let hold = replica.held(call(), &asks()).await;
    let left: Vec<u64> = hold.standings().iter().map(|standing| standing.remaining).collect();
    assert_eq!(left[2..], [88, 88, 1_000_000 - 20], "what was held is still held");
}

#[tokio::test]
async fn sentinels_name_the_server_before_and_after_a_failover() {
    let mut first = Server::start();
    let second = Server::with(|_| vec!["--replicaof".into(), format!("127.0.0.1 {}", first.port)]);
    until("the replica follows", || second.text("INFO replication").contains("master_link_status:up"));
    let folder = tempfile::TempDir::new().unwrap();
    let sentinels: Vec<Server> = (0..3).map(|number| sentinel(&folder, number, first.port)).collect();
    until("the Sentinels know each other", || {
        let knows = |sentinel: &Server| sentinel.text("INFO sentinel").contains("slaves=1,sentinels=3");
        sentinels.iter().all(knows)
    });
    let listed: Vec<String> = sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
    let url = format!("redis+sentinel://127.0.0.1:{},{}/main", free_port(), listed.join(","));
    let replica = Replica::of(Options { place: Place::parse(&url).unwrap(), ..options(&first) });
    replica.seed("p", 0).await;
    assert!(replica.passes(&asks()).await);
    first.is_followed_by(&second);
    first.kill();
    let Reserved::Unseeded(_) = answer(&replica, &asks()).await else { panic!("it may lack the last moments") };
    replica.seed("p", 0).await;
    assert_eq!(replica.held(call(), &asks()[2..3]).await.standings()[0].remaining, 88);
    assert!(second.text("INFO replication").contains("role:master"));
    let url = url.replace("/main", "/other");
    let lost = Replica::of(Options { place: Place::parse(&url).unwrap(), ..options(&first) });
    let away = lost.link.reserve(call(), &asks()).await.unwrap_err();
    assert!(away.to_string().contains("know no server of this name"), "{away}");
}

fn sentinel(folder: &tempfile::TempDir, number: u16, of: u16) -> Server {
    let file = folder.path().join(format!("{number}.conf"));
    Server::with(|port| {
        let lines = [
            format!("port {port}"),
            "bind 127.0.0.1".to_owned(),
            format!("sentinel monitor main 127.0.0.1 {of} 2"),
            "sentinel down-after-milliseconds main 500".to_owned(),
            "sentinel failover-timeout main 5000".to_owned(),
        ];
        std::fs::write(&file, lines.join("\n")).unwrap();
        vec![file.display().to_string(), "--sentinel".to_owned()]
    })
}
