package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// demoToken is the name by which the token of the last demo is found.
const demoToken = "demo"

// demoUsers are made when there are no users at all, and never next to real ones.
var demoUsers = []rollcall.Email{"alice@example.com", "bob@example.com", "carol@example.com"}

// maxDemoUsers is how many users of a database that has its own are shown.
const maxDemoUsers = 3

// demo makes sure that somebody can connect and ask, and prints how. A token
// can be shown only once, so that every demo makes its own and revokes that of
// the one before: what is printed works, and nothing secret is kept in a file.
func demo(ctx context.Context, db *persistence.Database, out io.Writer, baseURL string) error {
	emails, err := demoEmails(ctx, db)
	if err != nil {
		return err
	}
	if err := revokeDemoTokens(ctx, db); err != nil {
		return err
	}
	if len(emails) == 0 {
		fmt.Fprintf(out, "\n  The page is at %s, but no user is active.\n\n", baseURL)
		return nil
	}
	token, err := db.CreateToken(ctx, emails[0], demoToken)
	if err != nil {
		return err
	}
	return printDemo(out, baseURL, emails, token)
}

// demoEmails returns some users who may connect. Somebody who has users, if
// only inactive ones, does not want others.
func demoEmails(ctx context.Context, db *persistence.Database) ([]rollcall.Email, error) {
	var active []rollcall.Email
	anybody := false
	for user, err := range db.Users(ctx) {
		if err != nil {
			return nil, err
		}
		anybody = true
		if user.Active {
			active = append(active, user.Email)
		}
		if len(active) == maxDemoUsers {
			break
		}
	}
	if anybody {
		return active, nil
	}
	if _, err := db.AddUsers(ctx, demoUsers); err != nil {
		return nil, err
	}
	return demoUsers, nil
}

func revokeDemoTokens(ctx context.Context, db *persistence.Database) error {
	tokens, err := db.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.Name != demoToken || !t.RevokedAt.IsZero() {
			continue
		}
		if err := db.RevokeToken(ctx, strconv.FormatInt(t.ID, 10)); err != nil {
			return err
		}
	}
	return nil
}

func printDemo(out io.Writer, baseURL string, emails []rollcall.Email, token string) error {
	// The token stands behind the hash sign, which no browser sends to a server.
	page := baseURL + "/?" + url.Values{"email": {string(emails[0])}}.Encode() + "#token=" + token
	lines := []string{"", "  page    " + page}
	label := "e-mail"
	for _, e := range emails {
		lines = append(lines, fmt.Sprintf("  %-6s  %s", label, printable(string(e))))
		label = ""
	}
	lines = append(lines,
		"  token   "+token,
		"  query   curl -H 'Authorization: Token "+token+"' "+baseURL+"/api/hms/active-connections",
		"", "")
	if _, err := io.WriteString(out, strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("printing the demo: %w", err)
	}
	return nil
}
