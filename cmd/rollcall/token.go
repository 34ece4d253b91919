package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/rollcall/rollcall"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token and print it, alone, on standard output. It is never shown again."`
	List   tokenListCmd   `cmd:"" help:"List the tokens, without what is secret."`
	Revoke tokenRevokeCmd `cmd:"" help:"Take a token back."`
}

type tokenCreateCmd struct {
	Email rollcall.Email `arg:"" help:"The user whom the token belongs to."`
	Name  string         `help:"What the token is for, to know it again in the list."`
}

// Run prints nothing but the token on standard output, so that a script can
// take it as it is.
func (c *tokenCreateCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	db, err := openDatabase(ctx, s.Database, false, log)
	if err != nil {
		return err
	}
	defer db.Close()
	token, err := db.CreateToken(ctx, c.Email, c.Name)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(std.out, token); err != nil {
		return fmt.Errorf("printing the token: %w", err)
	}
	return nil
}

type tokenListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// listedToken is a token as --json prints it.
type listedToken struct {
	ID         int64          `json:"id"`
	Email      rollcall.Email `json:"email"`
	Name       string         `json:"name"`
	CreatedAt  time.Time      `json:"created_at"`
	LastUsedAt time.Time      `json:"last_used_at,omitzero"`
	RevokedAt  time.Time      `json:"revoked_at,omitzero"`
}

// Run lists the revoked tokens, too: who asks is often looking for them.
func (c *tokenListCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	db, err := openDatabase(ctx, s.Database, false, log)
	if err != nil {
		return err
	}
	defer db.Close()
	tokens, err := db.Tokens(ctx)
	if err != nil {
		return err
	}
	listed := []listedToken{}
	rows := table{{"ID", "EMAIL", "NAME", "CREATED", "LAST USED", "REVOKED"}}
	for _, t := range tokens {
		listed = append(listed, listedToken(t))
		rows = append(rows, []string{
			strconv.FormatInt(t.ID, 10), string(t.Email), t.Name,
			instant(t.CreatedAt, ""), instant(t.LastUsedAt, "never"), instant(t.RevokedAt, ""),
		})
	}
	if c.JSON {
		return printJSON(std.out, listed)
	}
	return rows.print(std.out)
}

type tokenRevokeCmd struct {
	Token string `arg:"" name:"id|token" help:"Its number in the list, or the token itself."`
}

// Run takes the token back. A server that has seen it lately may take it for
// good until its memory of it runs out.
func (c *tokenRevokeCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	db, err := openDatabase(ctx, s.Database, false, log)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.RevokeToken(ctx, c.Token); err != nil {
		return err
	}
	fmt.Fprintln(std.out, "revoked")
	return nil
}
