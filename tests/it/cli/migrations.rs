//! Databases that a start must not change, and databases that it must change with care.

use migration::{Migrator, MigratorTrait, TABLES};
use portcullis::clock::Clock;
use reqwest::Url;

use super::{
    place::{PASSWORD, Place, execute, postgres},
    server::Server,
};

const START: &str = "--listen 127.0.0.1:0";

const OWN: &str = "SELECT version FROM portcullis_migrations ORDER BY version";

fn known() -> Vec<String> {
    let mut names: Vec<String> = Migrator::migrations().iter().map(|one| one.name().to_owned()).collect();
    names.sort_unstable();
    names
}

/// Turns a database into one of an earlier release: migrations are pending, and the table of `SeaORM` has the others.
fn make_earlier(place: &Place) {
    place.run_with("users create root --role admin", PASSWORD).done();
    place.run("migrate down --steps 2 --yes").done();
    place.execute(
        "CREATE TABLE seaql_migrations (version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL); \
         INSERT INTO seaql_migrations SELECT version, applied_at FROM portcullis_migrations; \
         DROP TABLE portcullis_migrations",
    );
}

/// The tables of the database.
fn tables(place: &Place) -> Vec<String> {
    let sql = if place.value("DATABASE_URL").starts_with("postgres") {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    };
    let mut tables = place.texts(sql);
    tables.sort_unstable();
    tables
}

/// Says that a start, the doctor and `migrate` fail with these words, and show nothing of a library's source.
#[track_caller]
fn assert_refused(place: &Place, lines: &[&str], parts: &[&str]) {
    for line in lines {
        let answer = place.run(line);
        let said = answer.out.clone() + &answer.err;
        assert_eq!(answer.code, Some(1), "{line}: {said}");
        for part in parts {
            assert!(said.contains(part), "{line}: {part:?} is not in {said}");
        }
        for part in ["at line", "running", "Error:"] {
            assert!(!said.contains(part), "{line}: {part:?} is in {said}");
        }
    }
}

#[test]
fn every_table_is_one_that_a_foreign_database_is_known_by() {
    for place in Place::on_each_database() {
        place.run("migrate up").done();
        let mut expected: Vec<&str> = TABLES.into_iter().chain(["portcullis_migrations"]).collect();
        expected.sort_unstable();
        assert_eq!(tables(&place), expected);
    }
}

#[test]
fn the_table_of_an_earlier_release_is_taken_over() {
    for place in Place::on_each_database() {
        make_earlier(&place);
        let status = place.run("migrate status");
        assert_eq!((status.code, status.out.matches("pending").count()), (Some(3), 2), "{status:?}");
        assert!(place.run("doctor").out.contains("2 pending"));
        place.run("migrate up").done();
        assert_eq!(place.texts(OWN), known());
        assert!(!tables(&place).contains(&"seaql_migrations".to_owned()));
        assert!(place.run("users list").done().contains("root"));
        make_earlier_again(&place);
        place.run("migrate down --yes").done();
        assert_eq!(place.texts(OWN).len(), known().len() - 1);
    }
}

/// The same without pending migrations.
fn make_earlier_again(place: &Place) {
    place.execute("ALTER TABLE portcullis_migrations RENAME TO seaql_migrations");
}

#[test]
fn an_application_keeps_its_rows_in_the_table_of_an_earlier_release() {
    for place in Place::on_each_database() {
        make_earlier(&place);
        place.execute("INSERT INTO seaql_migrations VALUES ('m20200101_000001_shop', 1)");
        place.run("doctor").done();
        place.run("migrate up").done();
        assert_eq!(place.texts(OWN), known());
        assert_eq!(place.texts("SELECT version FROM seaql_migrations"), ["m20200101_000001_shop"]);
        place.run("migrate status").done();
    }
}

#[test]
fn an_application_s_migrations_are_no_hindrance_to_the_first_start() {
    for place in Place::on_each_database() {
        place.execute(
            "CREATE TABLE seaql_migrations (version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL); \
             INSERT INTO seaql_migrations VALUES ('m20200101_000001_shop', 1)",
        );
        place.run("migrate up").done();
        assert_eq!(place.texts("SELECT version FROM seaql_migrations"), ["m20200101_000001_shop"]);
    }
}

#[test]
fn two_servers_that_start_at_once_take_the_table_of_an_earlier_release_over() {
    for place in Place::on_each_database() {
        make_earlier(&place);
        let arguments: Vec<&str> = START.split(' ').collect();
        let mut servers = [Server::spawn(&place, &arguments), Server::spawn(&place, &arguments)];
        for server in &mut servers {
            server.says("GraphQL at ");
        }
        assert_eq!(place.texts(OWN), known());
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_stays_as_it_is() {
    for table in ["users", "servers"] {
        for place in Place::on_each_database() {
            place
                .execute(&format!("CREATE TABLE {table} (name text); INSERT INTO {table} VALUES ('theirs')"));
            let part = format!("it has a table {table}");
            let lines = [START, "doctor", "migrate up", "migrate status", "migrate down --yes"];
            assert_refused(&place, &lines, &["belongs to another program", &part]);
            assert_eq!(tables(&place), [table]);
            assert_eq!(place.texts(&format!("SELECT name FROM {table}")), ["theirs"]);
            assert!(!place.path("data/secret").exists());
        }
    }
}

#[test]
fn a_database_of_a_later_release_is_refused() {
    for place in Place::on_each_database() {
        place.run_with("users create root --role admin", PASSWORD).done();
        place.execute("INSERT INTO portcullis_migrations VALUES ('m29990101_000001_later', 1)");
        let lines = [START, "doctor", "migrate up", "migrate status", "migrate down --yes"];
        assert_refused(
            &place,
            &lines,
            &["later release", "m29990101_000001_later", "restore an earlier backup"],
        );
    }
}

/// A role that can log in and has no privilege.
struct Role {
    server: String,
    name: String,
}

impl Role {
    /// Makes a role; `None` where there is no PostgreSQL to test on.
    fn create() -> Option<Self> {
        let (server, name) = (postgres()?, format!("portcullis_{}", Clock::system().uuid().simple()));
        execute(&server, &format!("CREATE ROLE {name} LOGIN PASSWORD 'the-role-s-password'"));
        Some(Self { server, name })
    }

    /// The database of a place, as this role.
    fn url(&self, place: &Place) -> Url {
        let mut url = Url::parse(&place.value("DATABASE_URL")).expect("a URL");
        url.set_username(&self.name).expect("a host");
        url.set_password(Some("the-role-s-password")).expect("a host");
        url
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        execute(&self.server, &format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name));
    }
}

#[test]
fn a_role_that_may_not_make_tables_is_told_what_it_needs_and_starts_where_nothing_is_pending() {
    let Some(place) = Place::on_each_database().into_iter().nth(1) else { return };
    let schema = place.texts("SELECT current_schema()::text").remove(0);
    let role = Role::create().expect("there is PostgreSQL");
    let (owner, url) = (place.value("DATABASE_URL"), role.url(&place));
    let lines = [START, "doctor", "migrate up"];
    let place = place.with("DATABASE_URL", url.clone());
    assert_refused(&place, &lines, &["search_path", &schema, &format!("TO {}", role.name)]);
    execute(&role.server, &format!("GRANT USAGE ON SCHEMA {schema} TO {}", role.name));
    let cure = format!("GRANT CREATE ON SCHEMA {schema} TO {}", role.name);
    assert_refused(&place, &lines, &["may not create tables", &cure]);
    let place = place.with("DATABASE_URL", owner.clone());
    place.run("migrate up").done();
    let place = place.with("DATABASE_URL", url.clone());
    let lines = [START, "doctor", "migrate status", "users list"];
    assert_refused(&place, &lines, &["permission denied for table portcullis_migrations"]);
    let rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA";
    let sequences = format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {}", role.name);
    execute(&role.server, &format!("GRANT {rights} {schema} TO {}; {sequences}", role.name));
    drop(Server::start(&place, &["--listen", "127.0.0.1:0"]));
    // An earlier release's table serves on until a role that may make tables takes it over.
    let place = place.with("DATABASE_URL", owner);
    make_earlier_again(&place);
    let place = place.with("DATABASE_URL", url);
    drop(Server::start(&place, &["--listen", "127.0.0.1:0"]));
    assert!(tables(&place).contains(&"seaql_migrations".to_owned()));
}
