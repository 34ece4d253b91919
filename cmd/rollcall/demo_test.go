package main

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// TestDemoPrintsWhatWorks starts it again and again: each printed token is good,
// those of the last few starts too, and older ones are not.
func TestDemoPrintsWhatWorks(t *testing.T) {
	db := demoDatabase(t)
	var hashes []rollcall.TokenHash
	for range demoTokens + 2 {
		hashes = append(hashes, rollcall.HashToken(tokenIn(t, runDemo(t, db))))
	}
	holders, err := db.Holders(t.Context(), hashes)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range hashes {
		holder, good := holders[h]
		if want := i >= 2; good != want || good && (holder.Email != "alice@example.com" || !holder.Active) {
			t.Errorf("token %d is good: %v, and belongs to %+v", i, good, holder)
		}
	}
	if got := demoUserList(t, db); !slices.Equal(got, demoUsers) {
		t.Errorf("the users are %v", got)
	}
}

// TestDemoLeavesRealUsersAndTokensAlone runs it where somebody lives already.
func TestDemoLeavesRealUsersAndTokensAlone(t *testing.T) {
	db := demoDatabase(t)
	if _, err := db.AddUsers(t.Context(), []rollcall.Email{"dora@example.com", "eve@example.com"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.SetUsersActive(t.Context(), []rollcall.Email{"dora@example.com"}, false); err != nil {
		t.Fatal(err)
	}
	real, err := db.CreateToken(t.Context(), "eve@example.com", "cron")
	if err != nil {
		t.Fatal(err)
	}
	printed := runDemo(t, db)
	if !strings.Contains(printed, "rollcall token create eve@example.com") || strings.Contains(printed, "dora@") || strings.Contains(printed, "alice@") {
		t.Errorf("printed %s", printed)
	}
	if got := demoUserList(t, db); !slices.Equal(got, []rollcall.Email{"dora@example.com", "eve@example.com"}) {
		t.Errorf("the users are %v", got)
	}
	holders, err := db.Holders(t.Context(), []rollcall.TokenHash{rollcall.HashToken(real)})
	if err != nil || len(holders) != 1 {
		t.Errorf("the real token has the holders %v, %v", holders, err)
	}
	if tokens, err := db.Tokens(t.Context()); err != nil || len(tokens) != 1 {
		t.Errorf("eve did not ask for a token, and there are %v, %v", tokens, err)
	}
}

// TestDemoIsReadyToPaste checks the lines that a person copies.
func TestDemoIsReadyToPaste(t *testing.T) {
	printed := runDemo(t, demoDatabase(t))
	token := tokenIn(t, printed)
	for _, want := range []string{
		"http://127.0.0.1:8000/?email=alice%40example.com#token=" + token,
		"bob@example.com", "carol@example.com",
		"curl -H 'Authorization: Token " + token + "' http://127.0.0.1:8000/api/hms/active-connections\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("printed %s\nwant %s in it", printed, want)
		}
	}
}

func demoDatabase(t *testing.T) *persistence.Database {
	t.Helper()
	newDatabase(t)
	db, err := openDatabase(t.Context(), os.Getenv("ROLLCALL_DATABASE"), false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func runDemo(t *testing.T, db *persistence.Database) string {
	t.Helper()
	var out strings.Builder
	if err := demo(t.Context(), db, &out, "http://127.0.0.1:8000"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func tokenIn(t *testing.T, printed string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^  token   ([0-9a-f]{40,})$`).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("no token in %s", printed)
	}
	return found[1]
}

func demoUserList(t *testing.T, db *persistence.Database) (emails []rollcall.Email) {
	t.Helper()
	for user, err := range db.Users(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		emails = append(emails, user.Email)
	}
	return emails
}
