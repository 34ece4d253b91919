package persistence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/rollcall/rollcall"
)

// maxReason is the length of the reason's column in characters. What is longer
// is cut off there.
const maxReason = 64

// No session began before the first moment or ended after the last, and both
// databases can write them.
var (
	firstMoment = time.Unix(0, 0).UTC()
	lastMoment  = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// historyRow is one session that has ended.
type historyRow struct {
	bun.BaseModel `bun:"table:session_history,alias:h"`

	ID           rollcall.SessionID `bun:"id,pk,type:uuid"`
	Email        rollcall.Email     `bun:"email"`
	Node         string             `bun:"node"`
	ConnectedAt  time.Time          `bun:"connected_at"`
	EndedAt      time.Time          `bun:"ended_at"`
	LastActivity time.Time          `bun:"last_activity"`
	Reason       string             `bun:"reason"`
	Address      string             `bun:"address"`
	UserAgent    string             `bun:"user_agent"`
}

// endRow says of a session, or of all the sessions of a node, how it ended.
type endRow struct {
	Session rollcall.SessionID `bun:"session,type:uuid"`
	Node    int64              `bun:"node"`
	EndedAt time.Time          `bun:"ended_at"`
	Reason  string             `bun:"reason"`
}

// endSessions deletes sessions, and copies them into the history. One without a
// reason was never greeted, and is no history.
func (d *Database) endSessions(ctx context.Context, tx bun.Tx, deletes []rollcall.Change) error {
	if len(deletes) == 0 {
		return nil
	}
	ends := make([]endRow, len(deletes))
	for i, c := range deletes {
		ends[i] = endRow{Session: c.Session, EndedAt: c.EndedAt, Reason: clean(c.Reason, maxReason)}
	}
	p, on := newParameters(tx), "s.id = e.session"
	if d.dialect == SQLite { // where no WITH deletes
		if err := d.record(ctx, p, ends, endedBy(tx, on)); err != nil {
			return err
		}
		return deleteSessions(ctx, tx, sessionIDs(deletes))
	}
	return d.record(ctx, p, ends, tx.NewDelete().Model((*sessionRow)(nil)).TableExpr("ends AS e").Where(on).
		Returning("s.*, e.ended_at, e.reason"))
}

// endedBy joins sessions with how they end.
func endedBy(tx bun.Tx, on string) *bun.SelectQuery {
	return tx.NewSelect().Model((*sessionRow)(nil)).Column("s.*", "e.ended_at", "e.reason").Join("JOIN ends AS e ON " + on)
}

// recordNodes copies all sessions of nodes that end now into the history.
func (d *Database) recordNodes(ctx context.Context, tx bun.Tx, nodes []int64, reason string) error {
	ends := make([]endRow, len(nodes))
	for i, node := range nodes {
		ends[i] = endRow{Node: node, EndedAt: now(), Reason: reason}
	}
	return d.record(ctx, newParameters(tx), ends, endedBy(tx, "s.node_id = e.node"))
}

// record leaves a session that is in the history already, where it is if it was
// swept from under a node that was only paused, and corrects how it ended. The query
// for what is gone may delete it, too.
func (d *Database) record(ctx context.Context, p *parameters, ends []endRow, gone bun.Query) error {
	ended := p.tx.NewSelect().TableExpr("gone AS g").
		Column("g.id", "g.email").ColumnExpr("n.name AS node").
		Column("g.connected_at", "g.ended_at", "g.last_activity").
		ColumnExpr("? AS duration_ms", d.dialect.milliseconds("g.connected_at", "g.ended_at")).
		Column("g.reason", "g.address", "g.user_agent").
		Join("JOIN nodes AS n ON n.id = g.node_id").
		Where("g.reason <> ''")
	_, err := p.tx.NewInsert().Conn(p).
		With("ends", values(p, ends, "session", "node", "ended_at", "reason")).With("gone", gone).With("ended", ended).
		Model((*historyRow)(nil)).
		Column("id", "email", "node", "connected_at", "ended_at", "last_activity",
						"duration_ms", "reason", "address", "user_agent").
		TableExpr("ended WHERE TRUE"). // without WHERE, SQLite reads ON CONFLICT as the ON of a join
		On("CONFLICT (id) DO UPDATE").
		Set("ended_at = EXCLUDED.ended_at").
		Set("last_activity = EXCLUDED.last_activity").
		Set("duration_ms = EXCLUDED.duration_ms").
		Set("reason = EXCLUDED.reason").
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("record the end of sessions: %w", err)
	}
	return nil
}

// prune deletes the oldest sessions that ended before a time, at most limit.
func (d *Database) prune(ctx context.Context, before time.Time, limit int64) error {
	err := d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		oldest := d.dialect.lockFree(tx.NewSelect().Model((*historyRow)(nil)).Column("id").
			Where("ended_at < ?", before).Order("ended_at").Limit(limit))
		_, err := tx.NewDelete().Model((*historyRow)(nil)).Where("id IN (?)", oldest).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("prune the session history: %w", err)
	}
	return nil
}

var _ rollcall.History = (*Node)(nil)

// History returns a page of the sessions that have ended. An e-mail means a user as
// it does when the user connects: with [MatchCasefold], in any case.
func (n *Node) History(ctx context.Context, query rollcall.HistoryQuery) (rollcall.HistoryPage, error) {
	if query.Limit < 1 {
		return rollcall.HistoryPage{}, fmt.Errorf("a page of the history must have room, not %d", query.Limit)
	}
	var rows []historyRow
	q := n.db.bun.NewSelect().Model(&rows).
		Column("id", "email", "node", "connected_at", "ended_at", "last_activity", "reason", "address", "user_agent").
		Order("ended_at DESC", "id DESC").
		Limit(int64(query.Limit) + 1) // one more tells that there is a next page
	if query.Email != "" {
		spellings, err := n.spellings(ctx, []rollcall.Email{query.Email})
		if err != nil {
			return rollcall.HistoryPage{}, err
		}
		if len(spellings) == 0 { // it is no e-mail
			return rollcall.HistoryPage{}, nil
		}
		q.Where("email IN (?)", bun.List(spellings[query.Email]))
	}
	if !query.From.IsZero() {
		q.Where("ended_at > ?", moment(query.From))
	}
	if !query.To.IsZero() {
		q.Where("connected_at < ?", moment(query.To.Add(time.Microsecond-1))) // rounded up
	}
	if query.After != "" {
		c, err := parseCursor(query.After)
		if err != nil {
			return rollcall.HistoryPage{}, err
		}
		q.Where("(ended_at, id) < (?, ?)", c.endedAt, c.session)
	}
	if err := q.Scan(ctx); err != nil {
		return rollcall.HistoryPage{}, fmt.Errorf("read the session history: %w", err)
	}
	return newPage(rows, query.Limit), nil
}

func newPage(rows []historyRow, limit int) (page rollcall.HistoryPage) {
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.Next = cursor{last.EndedAt, last.ID}.String()
	}
	page.Sessions = make([]rollcall.Ended, len(rows))
	for i, row := range rows {
		page.Sessions[i] = rollcall.Ended{
			ID: row.ID, Email: row.Email, Node: row.Node,
			ConnectedAt: row.ConnectedAt.UTC(), EndedAt: row.EndedAt.UTC(), LastActivity: row.LastActivity.UTC(),
			Reason: row.Reason, Address: row.Address, UserAgent: row.UserAgent,
		}
	}
	return page
}

// seekRow is an e-mail whose last end is looked for.
type seekRow struct {
	Email rollcall.Email `bun:"email"`
}

// LastSeen returns when the newest session of each user that is over ended.
func (n *Node) LastSeen(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email]time.Time, error) {
	spellings, err := n.spellings(ctx, emails)
	if err != nil {
		return nil, err
	}
	ends, err := n.lastEnds(ctx, slices.Concat(slices.Collect(maps.Values(spellings))...))
	if err != nil {
		return nil, err
	}
	seen := make(map[rollcall.Email]time.Time, len(ends))
	for asked, all := range spellings {
		for _, spelling := range all {
			if end, ok := ends[spelling]; ok && end.After(seen[asked]) {
				seen[asked] = end
			}
		}
	}
	return seen, nil
}

// lastEnds makes one step in the index for each e-mail, however long its history.
func (n *Node) lastEnds(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email]time.Time, error) {
	ends := make(map[rollcall.Email]time.Time, len(emails))
	for chunk := range slices.Chunk(ordered(emails), emailsPerStatement) {
		seeks := make([]seekRow, len(chunk))
		for i, e := range chunk {
			seeks[i] = seekRow{e}
		}
		newest := n.db.bun.NewSelect().Model((*historyRow)(nil)).Column("ended_at").
			Where("h.email = seek.email").Order("h.ended_at DESC").Limit(1)
		var found []historyRow
		err := n.db.bun.NewSelect().With("seek", n.db.bun.NewValues(&seeks)).TableExpr("seek").
			Column("seek.email").ColumnExpr("(?) AS ended_at", newest).Scan(ctx, &found)
		if err != nil {
			return nil, fmt.Errorf("look up when %d users were last seen: %w", len(chunk), err)
		}
		for _, row := range found {
			if !row.EndedAt.IsZero() {
				ends[row.Email] = row.EndedAt.UTC()
			}
		}
	}
	return ends, nil
}

// Known maps those of the e-mails that are users', active or not, to how the users
// spell them: as asked, where several users differ in case only and one does so.
func (n *Node) Known(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email]rollcall.Email, error) {
	users, err := n.db.userSpellings(ctx, askable(emails), n.config.Match)
	if err != nil {
		return nil, err
	}
	known := make(map[rollcall.Email]rollcall.Email, len(users))
	for asked, all := range users {
		if known[asked] = asked; !slices.Contains(all, asked) {
			known[asked] = slices.Min(all)
		}
	}
	return known, nil
}

// spellings returns how the history spells each e-mail: as the users that are
// meant or, if there is none any more, as asked. It leaves out what is no e-mail.
func (n *Node) spellings(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email][]rollcall.Email, error) {
	asked := askable(emails)
	spellings := make(map[rollcall.Email][]rollcall.Email, len(asked))
	if n.config.Match == MatchCasefold {
		var err error
		if spellings, err = n.db.userSpellings(ctx, asked, n.config.Match); err != nil {
			return nil, err
		}
	}
	for _, e := range asked {
		if len(spellings[e]) == 0 {
			spellings[e] = []rollcall.Email{e}
		}
	}
	return spellings, nil
}

// askable leaves out what cannot be an e-mail, and must not be a part of a
// statement, see checkEmails.
func askable(emails []rollcall.Email) []rollcall.Email {
	return slices.DeleteFunc(slices.Clone(emails), func(e rollcall.Email) bool {
		_, err := rollcall.ParseEmail(string(e))
		return err != nil
	})
}

// moment is a time as the columns can keep it: SQLite compares times as text. What
// is beyond every row is brought to where the calendar of both databases ends.
func moment(t time.Time) time.Time {
	switch {
	case t.Before(firstMoment):
		return firstMoment
	case t.After(lastMoment):
		return lastMoment
	}
	return t.UTC().Truncate(time.Microsecond)
}
