package main

import (
	"database/sql"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// The variables name the database that servers here have, and to whom they post: a bench
// that took them would bring its users and its load there, and change the schema, without
// a word.
func TestBenchLeavesTheDatabaseOfServersAlone(t *testing.T) {
	newDatabase(t)
	t.Chdir(t.TempDir())
	benched(t, "connect", "--sockets=5", "--concurrency=5")
	if exists(strings.TrimPrefix(os.Getenv("ROLLCALL_DATABASE"), "sqlite://")) || exists("rollcall.db") {
		t.Error("it has made the database of the servers")
	}
	t.Setenv("ROLLCALL_DATABASE", "no database at all")
	var posts atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts.Add(1) }))
	defer receiver.Close()
	t.Setenv("ROLLCALL_WEBHOOK_URL", receiver.URL)
	t.Setenv("ROLLCALL_WEBHOOK_SECRET", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	benched(t, "churn", "--sockets=5", "--rate=20", "--for=500ms")
	if posts.Load() > 0 {
		t.Error("it has posted who came to it")
	}
	benched(t, "in-memory", "--sockets=5", "--concurrency=5", "--for=1ms")
	for _, command := range []string{"connect", "in-memory"} {
		help := strings.Join(strings.Fields(mustRun(t, "bench", command, "--help")), " ")
		if !strings.Contains(help, "Default: a new SQLite file, whatever ROLLCALL_DATABASE says. --log-format") {
			t.Errorf("the help of %s says another default of --database:\n%s", command, help)
		}
	}
}

// Whoever names a file gets that one, also if it is the one that a server would take.
func TestBenchTakesTheDatabaseThatItIsGiven(t *testing.T) {
	t.Chdir(t.TempDir())
	benched(t, "--database=sqlite://rollcall.db", "connect", "--sockets=5", "--concurrency=5")
	if !exists("rollcall.db") {
		t.Error("it has taken another database")
	}
}

// Servers may run on the schema as it is. A database without our tables has none.
func TestBenchDoesNotChangeTheSchemaOfADatabaseThatIsInUse(t *testing.T) {
	t.Parallel()
	persistencetest.Databases(t, func(t *testing.T, url string) {
		benched(t, "--database="+url, "connect", "--sockets=5", "--concurrency=5")
		db, err := persistence.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		status, err := db.MigrationStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last := status[len(status)-1].Name
		number, _, _ := strings.Cut(last, "_")
		behind(t, url, number)
		for _, command := range []string{"connect", "in-memory"} {
			got := rollcallWith(t, "", "bench", "--database="+url, command)
			if got.code != exitFailure || !strings.Contains(got.err, "behind by 1 ("+last+"): run \"rollcall migrate up --database=…\" first") {
				t.Errorf("%s ended with %d and said %q", command, got.code, got.err)
			}
		}
		if pending, err := db.Pending(t.Context()); len(pending) != 1 {
			t.Errorf("%v is pending now, %v", pending, err)
		}
	})
}

// A bench must know how many sockets the server will take, which counts for itself:
// else the refusals would be taken for its failure, or a count that fits be refused.
func TestBenchKnowsThePlacesOfItsServer(t *testing.T) {
	nowhere := "--database=sqlite://" + t.TempDir() + "/no/such/folder/r.db" // behind the check
	bench := func(sockets int, watchers string) result {
		return rollcallWith(t, "", "bench", nowhere, "--with=--max-watchers="+watchers, "connect", "--sockets="+strconv.Itoa(sockets))
	}
	for _, watchers := range []string{"0", "100"} {
		server := parseSettings(t, "--max-watchers="+watchers)
		room, _, err := server.places()
		if err != nil {
			t.Fatal(err)
		}
		if got := bench(room, watchers); got.code != exitFailure || !strings.Contains(got.err, "/no/such/folder") {
			t.Errorf("with %s watchers, %d sockets: exit %d, said %q", watchers, room, got.code, got.err)
		}
		if got := bench(room+1, watchers); got.code != exitUsage || !strings.Contains(got.err, "places for "+strconv.Itoa(room)+" sockets") {
			t.Errorf("with %s watchers, %d sockets: exit %d, said %q", watchers, room+1, got.code, got.err)
		}
	}
	t.Setenv("ROLLCALL_DATABASE", "of no driver") // that of other servers is not its
	t.Setenv("ROLLCALL_MAX_CONNECTIONS", "7")     // but this its server will read
	if got := bench(8, "0"); got.code != exitUsage || !strings.Contains(got.err, "places for 7 sockets") {
		t.Errorf("with a variable: exit %d, said %q", got.code, got.err)
	}
}

// behind has a database forget that a migration was applied to it.
func behind(t *testing.T, url, migration string) {
	t.Helper()
	connector, _, err := persistence.NewConnector(url)
	if err != nil {
		t.Fatal(err)
	}
	raw := sql.OpenDB(connector)
	defer func() { _ = raw.Close() }()
	if _, err := raw.ExecContext(t.Context(), "DELETE FROM bun_migrations WHERE name = '"+migration+"'"); err != nil {
		t.Fatal(err)
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
