package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// TestMigrationsGoUpAndDown follows a schema from nothing and back by what an
// operator sees. Every step may be repeated.
func TestMigrationsGoUpAndDown(t *testing.T) {
	newDatabase(t)
	pending := strings.Count(mustRun(t, "migrate", "status"), "pending")
	if pending == 0 {
		t.Fatal("a new database has nothing pending")
	}
	if got := mustRun(t, "migrate", "up"); strings.Count(got, "applied ") != pending {
		t.Errorf("up printed %q, want %d applied", got, pending)
	}
	if got := mustRun(t, "migrate", "up"); got != "nothing to do\n" {
		t.Errorf("up again printed %q", got)
	}
	if got := mustRun(t, "migrate", "status"); strings.Contains(got, "pending") || strings.Count(got, "\n") != pending+1 {
		t.Errorf("status printed %q", got)
	}
	if got := mustRun(t, "migrate", "down"); strings.Count(got, "undone ") != pending {
		t.Errorf("down printed %q, want %d undone", got, pending)
	}
	if got := mustRun(t, "migrate", "down"); got != "nothing to do\n" {
		t.Errorf("down again printed %q", got)
	}
}

// TestSQLiteMigratesItself makes every command work on a file that is not there
// yet, and says in the log that it has changed the schema.
func TestSQLiteMigratesItself(t *testing.T) {
	newDatabase(t)
	t.Setenv("ROLLCALL_LOG_LEVEL", "info")
	got := rollcallWith(t, "", "user", "list")
	if got.code != exitOK || !strings.Contains(got.err, "database migrated") {
		t.Errorf("exit %d, said %q", got.code, got.err)
	}
	if got := mustRun(t, "migrate", "status"); strings.Contains(got, "pending") {
		t.Errorf("status printed %q", got)
	}
}

// TestPostgresIsMigratedOnlyWhenAsked holds on a database where other servers
// may still run on the old schema: every command names the one to run, and
// changes nothing until then.
func TestPostgresIsMigratedOnlyWhenAsked(t *testing.T) {
	t.Setenv("ROLLCALL_DATABASE", persistencetest.Postgres(t))
	for _, command := range []string{"user list", "user add alice@example.com", "user import -", "token list", "token create alice@example.com"} {
		got := rollcallWith(t, "", strings.Fields(command)...)
		if got.code != exitFailure || got.out != "" || !oneComplaint(got.err) || !strings.Contains(got.err, "rollcall migrate up") {
			t.Errorf("%s: exit %d, printed %q, said %q", command, got.code, got.out, got.err)
		}
	}
	if got := mustRun(t, "migrate", "status"); !strings.Contains(got, "pending") {
		t.Errorf("status printed %q", got)
	}
	mustRun(t, "migrate", "up")
	mustRun(t, "user", "add", "alice@example.com")
	if got := emails(t); got != "alice@example.com" {
		t.Errorf("the users are %s", got)
	}
}

// TestSchemaBehindIsRefusedAndLeftAlone looks closer at the same choice.
func TestSchemaBehindIsRefusedAndLeftAlone(t *testing.T) {
	newDatabase(t)
	db, err := persistence.Open(t.Context(), os.Getenv("ROLLCALL_DATABASE"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log := slog.New(slog.DiscardHandler)
	before, err := db.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := bringUpToDate(t.Context(), db, false, log); err == nil || !strings.Contains(err.Error(), "rollcall migrate up") {
		t.Errorf("got %v, want the command to run", err)
	}
	if after, err := db.Pending(t.Context()); err != nil || len(after) != len(before) || len(after) == 0 {
		t.Errorf("pending before %v, after %v, %v", before, after, err)
	}
	if err := bringUpToDate(t.Context(), db, true, log); err != nil {
		t.Error(err)
	}
	if err := bringUpToDate(t.Context(), db, false, log); err != nil {
		t.Errorf("an up to date schema is refused: %v", err)
	}
}
