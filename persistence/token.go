package persistence

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

const (
	tokenBytes = 20 // 160 bits, more than anybody can guess
	// maxTokenName is the length of the name's column in characters. A longer
	// name is refused.
	maxTokenName = 100
	// tokensPerStatement bounds a lookup. More hashes are looked up in turns.
	tokensPerStatement = 100
	// tokenUseInterval is how exact last_used_at is: a token that is used all
	// the time costs one write in each interval.
	tokenUseInterval = time.Minute
	// tokenUseTimeout bounds that write. After it the answer goes out and the
	// use is noted another time.
	tokenUseTimeout = 100 * time.Millisecond
)

var (
	// ErrUnknownUser means that no user has the e-mail.
	ErrUnknownUser = errors.New("no such user")
	// ErrUnknownToken means that there is no token with the number or the text.
	ErrUnknownToken = errors.New("no such token")
)

// Token is what is known of an API token. Times are zero for what has not
// happened.
type Token struct {
	ID         int64
	Email      rollcall.Email // of the user it belongs to
	Name       string
	CreatedAt  time.Time
	LastUsedAt time.Time
	RevokedAt  time.Time
}

type tokenRow struct {
	bun.BaseModel `bun:"table:api_tokens,alias:t"`

	ID         int64     `bun:"id,pk,autoincrement"`
	UserID     int64     `bun:"user_id"`
	Name       string    `bun:"name"`
	Hash       []byte    `bun:"hash"`
	CreatedAt  time.Time `bun:"created_at"`
	LastUsedAt time.Time `bun:"last_used_at,nullzero"`
	RevokedAt  time.Time `bun:"revoked_at,nullzero"`

	Email  rollcall.Email `bun:"email,scanonly"`  // of the user
	Active bool           `bun:"active,scanonly"` // is the user
}

var _ rollcall.Tokens = (*Database)(nil)

// CreateToken makes a token for a user and returns it: 40 hexadecimal digits
// that cannot be had again. The error is [ErrUnknownUser] if nobody has the
// e-mail.
func (d *Database) CreateToken(ctx context.Context, email rollcall.Email, name string) (string, error) {
	if clean(name, maxTokenName) != name {
		return "", fmt.Errorf("a token's name must be text of at most %d characters", maxTokenName)
	}
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // never fails: the program would end
	token := hex.EncodeToString(secret)
	hash := rollcall.HashToken(token)
	user, err := d.userID(ctx, email)
	if err == nil {
		row := &tokenRow{UserID: user, Name: name, Hash: hash[:], CreatedAt: now()}
		_, err = d.bun.NewInsert().Model(row).Column("user_id", "name", "hash", "created_at").Exec(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("create a token for %s: %w", email, err)
	}
	return token, nil
}

// Tokens lists all tokens, the oldest first.
func (d *Database) Tokens(ctx context.Context) ([]Token, error) {
	var rows []tokenRow
	err := d.bun.NewSelect().Model(&rows).
		Column("t.id", "t.name", "t.created_at", "t.last_used_at", "t.revoked_at", "u.email").
		Join("JOIN users AS u ON u.id = t.user_id").Order("t.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens := make([]Token, len(rows))
	for i, r := range rows {
		tokens[i] = Token{r.ID, r.Email, r.Name, r.CreatedAt.UTC(), r.LastUsedAt.UTC(), r.RevokedAt.UTC()}
	}
	return tokens, nil
}

// RevokeToken ends a token, given its number or the token itself. To revoke it
// again changes nothing. The error is [ErrUnknownToken] if there is none.
func (d *Database) RevokeToken(ctx context.Context, idOrToken string) error {
	q := d.bun.NewUpdate().Model((*tokenRow)(nil)).Set("revoked_at = coalesce(revoked_at, ?)", now())
	if len(idOrToken) == hex.EncodedLen(tokenBytes) {
		hash := rollcall.HashToken(idOrToken)
		q = q.Where("hash = ?", hash[:])
	} else if id, err := strconv.ParseInt(idOrToken, 10, 64); err == nil {
		q = q.Where("id = ?", id)
	} else {
		return fmt.Errorf("revoke a token: %w", ErrUnknownToken)
	}
	result, err := q.Exec(ctx)
	if err == nil && affected(result) == 0 {
		err = ErrUnknownToken
	}
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	return nil
}

// Holders returns the holder of each token that exists and is not revoked, and
// notes that those tokens were used.
func (d *Database) Holders(ctx context.Context, hashes []rollcall.TokenHash) (map[rollcall.TokenHash]rollcall.Holder, error) {
	holders := make(map[rollcall.TokenHash]rollcall.Holder, len(hashes))
	var used []int64
	for chunk := range slices.Chunk(hashes, tokensPerStatement) {
		rows, err := d.goodTokens(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			for _, hash := range chunk {
				if subtle.ConstantTimeCompare(hash[:], row.Hash) == 1 {
					holders[hash] = rollcall.Holder{Email: row.Email, Active: row.Active}
				}
			}
			if time.Since(row.LastUsedAt) >= tokenUseInterval {
				used = append(used, row.ID)
			}
		}
	}
	d.noteUse(ctx, used)
	return holders, nil
}

func (d *Database) goodTokens(ctx context.Context, hashes []rollcall.TokenHash) (rows []tokenRow, err error) {
	keys := make([][]byte, len(hashes))
	for i := range hashes {
		keys[i] = hashes[i][:]
	}
	err = d.bun.NewSelect().Model(&rows).
		Column("t.id", "t.hash", "t.last_used_at", "u.email", "u.active").
		Join("JOIN users AS u ON u.id = t.user_id").
		Where("t.hash IN (?)", bun.List(keys)).Where("t.revoked_at IS NULL").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look %d tokens up: %w", len(hashes), err)
	}
	return rows, nil
}

// noteUse gives up rather than delay an answer, and its failure is nobody's:
// the next use is noted instead.
func (d *Database) noteUse(ctx context.Context, ids []int64) {
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tokenUseTimeout)
	defer cancel()
	_, _ = d.bun.NewUpdate().Model((*tokenRow)(nil)).Set("last_used_at = ?", now()).
		Where("id IN (?)", bun.List(ids)).Exec(ctx)
}

func (d *Database) userID(ctx context.Context, email rollcall.Email) (id int64, err error) {
	err = d.bun.NewSelect().Model((*userRow)(nil)).Column("id").Where("email = ?", email).Scan(ctx, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrUnknownUser
	}
	return id, err
}
