package persistence_test

import (
	"maps"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// A token opens the list to whoever holds it: it must belong to its user, be
// long, and stand nowhere in the database.
func TestTokenBelongsToItsUserAndIsKeptAsAHash(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		mine, other := createToken(t, f, ada, "laptop"), createToken(t, f, grace, "")
		if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(mine) || mine == other {
			t.Errorf("the tokens are %q and %q, want two of 40 hexadecimal digits", mine, other)
		}
		got := holders(t, f, mine, other, "unknown")
		want := map[rollcall.TokenHash]rollcall.Holder{
			rollcall.HashToken(mine): {Email: ada, Active: true}, rollcall.HashToken(other): {Email: grace, Active: true},
		}
		if !maps.Equal(got, want) {
			t.Errorf("holders are %v, want %v", got, want)
		}
		hashes := column[[]byte](t, f, "SELECT hash FROM api_tokens ORDER BY id")
		if hash := rollcall.HashToken(mine); len(hashes) != 2 || string(hashes[0]) != string(hash[:]) {
			t.Errorf("the database has %x, want the hash %x first", hashes, hash)
		}
	})
}

// A deactivated user's token is known, so that the answer can say why it is no
// good; a removed user's is gone.
func TestTokenFollowsItsUser(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		token := createToken(t, f, ada, "")
		_, _, err := f.SetUsersActive(t.Context(), []rollcall.Email{ada}, false)
		must(t, err)
		if got := holders(t, f, token)[rollcall.HashToken(token)]; got != (rollcall.Holder{Email: ada}) {
			t.Errorf("the holder is %+v, want ada, inactive", got)
		}
		_, _, err = f.RemoveUsers(t.Context(), []rollcall.Email{ada})
		must(t, err)
		if got := holders(t, f, token); len(got) != 0 {
			t.Errorf("holders are %v after the user was removed", got)
		}
		if tokens, err := f.Tokens(t.Context()); err != nil || len(tokens) != 0 {
			t.Errorf("tokens are %v after the user was removed, %v", tokens, err)
		}
	})
}

// A lost token must be ended by whoever has only its number, and by whoever has
// the token itself; once more is no error.
func TestRevokedTokenIsNobodys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		first, second := createToken(t, f, ada, "first"), createToken(t, f, ada, "second")
		tokens, err := f.Tokens(t.Context())
		must(t, err)
		must(t, f.RevokeToken(t.Context(), strconv.FormatInt(tokens[0].ID, 10)))
		if got := holders(t, f, first, second); len(got) != 1 {
			t.Errorf("holders are %v, want the second token's", got)
		}
		must(t, f.RevokeToken(t.Context(), second))
		must(t, f.RevokeToken(t.Context(), second))
		if got := holders(t, f, first, second); len(got) != 0 {
			t.Errorf("holders are %v, want none", got)
		}
		after, err := f.Tokens(t.Context())
		must(t, err)
		for i, token := range after {
			if age := time.Since(token.RevokedAt); age < 0 || age > time.Minute {
				t.Errorf("token %d was revoked at %s", i, token.RevokedAt)
			}
		}
		for _, unknown := range []string{"0", "4711", "-1", "", "x", "0123456789012345678901234567890123456789"} {
			is(t, f.RevokeToken(t.Context(), unknown), persistence.ErrUnknownToken)
		}
	})
}

func TestTokenNeedsAUserAndANameThatFits(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		_, err := f.CreateToken(t.Context(), "stranger@example.com", "")
		is(t, err, persistence.ErrUnknownUser)
		for _, bad := range []string{string(make([]byte, 1)), "\xff", string(make([]rune, 101))} {
			if _, err := f.CreateToken(t.Context(), ada, bad); err == nil {
				t.Errorf("a token was created under the name %q", bad)
			}
		}
	})
}

// The last use tells which tokens can be revoked. It is noted about once a
// minute, or each REST query would cost a write.
func TestLastUseIsNotedOnceAMinute(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		token := createToken(t, f, ada, "laptop")
		lastUse := func() time.Time {
			tokens, err := f.Tokens(t.Context())
			must(t, err)
			if tokens[0].Email != ada || tokens[0].Name != "laptop" || tokens[0].CreatedAt.IsZero() {
				t.Errorf("the token is %+v", tokens[0])
			}
			return tokens[0].LastUsedAt
		}
		if !lastUse().IsZero() {
			t.Error("the token was used before it was")
		}
		eventually(t, "the use is noted", func() bool { // a busy machine may miss one
			holders(t, f, token)
			return !lastUse().IsZero()
		})
		first := lastUse()
		holders(t, f, token)
		if second := lastUse(); !second.Equal(first) {
			t.Errorf("the use was noted at %s and again at %s", first, second)
		}
		f.exec(t, "UPDATE api_tokens SET last_used_at = '2020-01-01 00:00:00+00:00'")
		eventually(t, "the use is noted after more than a minute", func() bool {
			holders(t, f, token)
			return !lastUse().Before(first)
		})
	})
}

// While somebody else writes, SQLite lets nobody write. The answer to a token
// must come all the same, and without the wait.
func TestTokenIsAnsweredWhileItsUseCannotBeNoted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		token := createToken(t, f, ada, "")
		tx, err := f.raw.BeginTx(t.Context(), nil)
		must(t, err)
		defer func() { must(t, tx.Rollback()) }()
		_, err = tx.ExecContext(t.Context(), "UPDATE api_tokens SET name = 'locked'")
		must(t, err)
		start := time.Now()
		if got := holders(t, f, token); len(got) != 1 {
			t.Errorf("holders are %v, want one", got)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("the answer took %s", took)
		}
	})
}

func createToken(t *testing.T, f *fixture, email rollcall.Email, name string) string {
	t.Helper()
	token, err := f.CreateToken(t.Context(), email, name)
	must(t, err)
	return token
}

func holders(t *testing.T, f *fixture, tokens ...string) map[rollcall.TokenHash]rollcall.Holder {
	t.Helper()
	var hashes []rollcall.TokenHash
	for _, token := range tokens {
		hashes = append(hashes, rollcall.HashToken(token))
	}
	got, err := f.Holders(t.Context(), hashes)
	must(t, err)
	return got
}
