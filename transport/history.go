package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollcall/rollcall"
)

// endedSession is one session of the history.
type endedSession struct {
	ID           rollcall.SessionID `json:"id"`
	Email        rollcall.Email     `json:"email"`
	Node         string             `json:"node"`
	ConnectedAt  rollcall.Stamp     `json:"connected_at"`
	EndedAt      rollcall.Stamp     `json:"ended_at"`
	LastActivity rollcall.Stamp     `json:"last_activity"`
	Duration     int64              `json:"duration_ms"`
	Reason       string             `json:"reason"`
	Address      string             `json:"address"`
	UserAgent    string             `json:"user_agent"`
}

type historyPage struct {
	Sessions []endedSession `json:"sessions"`
	Next     *string        `json:"next"` // null on the last page
}

// listHistory answers who was here.
func (s *Server) listHistory(c *call) (any, error) {
	q, err := c.historyQuery()
	if err != nil {
		return nil, err
	}
	var page rollcall.HistoryPage
	err = s.archive.ask(c.Context(), archiveTimeout, func(ctx context.Context, h rollcall.History) (err error) {
		page, err = h.History(ctx, q)
		return err
	})
	switch {
	case errors.Is(err, rollcall.ErrBadCursor):
		return nil, badValue("after", "is no cursor of a page")
	case err != nil:
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	told := historyPage{Sessions: []endedSession{}}
	if page.Next != "" {
		told.Next = &page.Next
	}
	for _, one := range page.Sessions {
		told.Sessions = append(told.Sessions, endedSession{
			one.ID, one.Email, one.Node, rollcall.Stamp(one.ConnectedAt), rollcall.Stamp(one.EndedAt), rollcall.Stamp(one.LastActivity),
			one.EndedAt.Sub(one.ConnectedAt).Milliseconds(), one.Reason, one.Address, one.UserAgent,
		})
	}
	return told, nil
}

func (c *call) historyQuery() (q rollcall.HistoryQuery, err error) {
	if q.Limit, err = c.limit(); err != nil {
		return q, err
	}
	if q.From, err = c.instant("from"); err != nil {
		return q, err
	}
	if q.To, err = c.instant("to"); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		return q, badValue("to", "is before from")
	}
	if raw, given := c.parameter(emailParameter); given {
		if q.Email, err = rollcall.ParseEmail(raw); err != nil {
			return q, badValue(emailParameter, "cannot be an e-mail")
		}
	}
	q.After, _ = c.parameter("after")
	return q, nil
}
