package main

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestTokenIsAloneOnStandardOutput lets a script write TOKEN=$(rollcall token
// create ...), also on a database that has just been migrated by it.
func TestTokenIsAloneOnStandardOutput(t *testing.T) {
	newDatabase(t)
	t.Setenv("ROLLCALL_LOG_LEVEL", "debug")
	if got := rollcallWith(t, "", "user", "add", "alice@example.com"); got.code != exitOK {
		t.Fatalf("exit %d, said %q", got.code, got.err)
	}
	got := rollcallWith(t, "", "token", "create", "alice@example.com", "--name", "cron")
	if got.code != exitOK || !regexp.MustCompile(`^[0-9a-f]{40,}\n$`).MatchString(got.out) {
		t.Errorf("exit %d, printed %q", got.code, got.out)
	}
}

// TestTokensAreListedWithoutTheirSecret follows one token from its creation to
// its end.
func TestTokensAreListedWithoutTheirSecret(t *testing.T) {
	newDatabase(t)
	mustRun(t, "user", "add", "alice@example.com")
	secret := strings.TrimSpace(mustRun(t, "token", "create", "alice@example.com", "--name", "cron"))
	for _, args := range [][]string{{"token", "list"}, {"token", "list", "--json"}} {
		list := mustRun(t, args...)
		if strings.Contains(list, secret) || !strings.Contains(list, "cron") || !strings.Contains(list, "alice@example.com") {
			t.Errorf("%v printed %s", args, list)
		}
	}
	if tokens := listTokens(t); len(tokens) != 1 || !tokens[0].RevokedAt.IsZero() || tokens[0].CreatedAt.IsZero() {
		t.Errorf("after create: %+v", tokens)
	}
	mustRun(t, "token", "revoke", secret)
	if tokens := listTokens(t); len(tokens) != 1 || tokens[0].RevokedAt.IsZero() {
		t.Errorf("after revoke: %+v", tokens)
	}
}

// TestTokenIsRevokedByItsNumber needs no secret: who finds a token in the list
// can end it.
func TestTokenIsRevokedByItsNumber(t *testing.T) {
	newDatabase(t)
	mustRun(t, "user", "add", "alice@example.com")
	mustRun(t, "token", "create", "alice@example.com")
	mustRun(t, "token", "revoke", strconv.FormatInt(listTokens(t)[0].ID, 10))
	if tokens := listTokens(t); tokens[0].RevokedAt.IsZero() {
		t.Errorf("after revoke: %+v", tokens)
	}
}

// TestTokensOfNobodyFail covers the two that cannot be: one for a stranger, and
// the end of one that never was.
func TestTokensOfNobodyFail(t *testing.T) {
	newDatabase(t)
	mustRun(t, "user", "add", "alice@example.com")
	for _, args := range [][]string{
		{"token", "create", "bob@example.com"},
		{"token", "revoke", "4711"},
		{"token", "revoke", "0123456789012345678901234567890123456789"},
	} {
		got := rollcallWith(t, "", args...)
		if got.code != exitFailure || got.out != "" || !oneComplaint(got.err) {
			t.Errorf("%v: exit %d, printed %q, said %q", args, got.code, got.out, got.err)
		}
	}
}

func listTokens(t *testing.T) (tokens []listedToken) {
	t.Helper()
	if err := json.Unmarshal([]byte(mustRun(t, "token", "list", "--json")), &tokens); err != nil {
		t.Fatal(err)
	}
	return tokens
}
