package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// demoToken is the name by which the tokens of demos are found.
const demoToken = "demo"

// demoTokens is how many of the last demos' tokens stay good. A token can be
// shown only once, so that every demo makes its own; those of older ones are
// revoked, and nothing secret is kept in a file.
const demoTokens = 5

// demoUsers are made when there are no users at all, and never next to real ones.
var demoUsers = []rollcall.Email{"alice@example.com", "bob@example.com", "carol@example.com"}

// maxDemoUsers is how many users of a database that has its own are shown.
const maxDemoUsers = 3

// demo makes sure that somebody can connect and ask, and prints how. Only a demo
// user gets a token: a real one has not asked for it.
func demo(ctx context.Context, db *persistence.Database, out io.Writer, baseURL string) error {
	emails, err := demoEmails(ctx, db)
	if err != nil {
		return err
	}
	if len(emails) == 0 {
		fmt.Fprintf(out, "\n  The page is at %s, but no user is active.\n\n", baseURL)
		return nil
	}
	if !slices.Contains(demoUsers, emails[0]) {
		return printDemo(out, baseURL, emails, "")
	}
	if err := revokeDemoTokens(ctx, db); err != nil {
		return err
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

// revokeDemoTokens leaves room for one more.
func revokeDemoTokens(ctx context.Context, db *persistence.Database) error {
	tokens, err := db.Tokens(ctx)
	if err != nil {
		return err
	}
	tokens = slices.DeleteFunc(tokens, func(t persistence.Token) bool {
		return t.Name != demoToken || !t.RevokedAt.IsZero()
	})
	slices.SortFunc(tokens, func(a, b persistence.Token) int { return cmp.Compare(b.ID, a.ID) })
	for _, t := range tokens[min(len(tokens), demoTokens-1):] {
		if err := db.RevokeToken(ctx, strconv.FormatInt(t.ID, 10)); err != nil {
			return err
		}
	}
	return nil
}

// printDemo prints what a person needs next. The token stands behind the hash
// sign of the link, which no browser sends to a server.
func printDemo(out io.Writer, baseURL string, emails []rollcall.Email, token string) error {
	page := baseURL + "/?" + url.Values{"email": {string(emails[0])}}.Encode()
	curl := "curl -H 'Authorization: Token " + token + "' " + baseURL + "/api/hms/active-connections"
	if token == "" {
		token = "rollcall token create " + printable(string(emails[0])) + " makes one"
		curl = "rollcall online --server " + baseURL + " --token ..."
	} else {
		page += "#token=" + token
	}
	var lines strings.Builder
	fmt.Fprintf(&lines, "\n  page    %s\n", page)
	label := "e-mail"
	for _, e := range emails {
		fmt.Fprintf(&lines, "  %-6s  %s\n", label, printable(string(e)))
		label = ""
	}
	fmt.Fprintf(&lines, "  token   %s\n  query   %s\n\n", token, curl)
	if _, err := io.WriteString(out, lines.String()); err != nil {
		return fmt.Errorf("print the demo: %w", err)
	}
	return nil
}
