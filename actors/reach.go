package actors

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// mostAsked bounds the users of one question. The rest is asked next, so that the
// registry hears whoever comes in between.
const mostAsked = 1000

// Find implements [rollcall.Reaching]. More than mostAsked users are not all of the
// same instant.
func (p *Presence) Find(ctx context.Context, emails []rollcall.Email) ([]rollcall.UserState, error) {
	states := make([]rollcall.UserState, 0, len(emails))
	for some := range slices.Chunk(emails, mostAsked) {
		found, err := ask(ctx, p, func(answer chan<- []rollcall.UserState) any { return &Find{Emails: some, Answer: answer} })
		if err != nil {
			return nil, fmt.Errorf("asking the registry for users: %w", err)
		}
		states = append(states, found...)
	}
	return states, nil
}

// Push implements [rollcall.Reaching]. The registry only says where to: the one who
// asks also sends. With an error too, some may have taken the frame.
func (p *Presence) Push(ctx context.Context, to []rollcall.Email, everybody bool, frame []byte) (took int, err error) {
	if everybody {
		s, err := p.Snapshot(ctx)
		if err != nil {
			return 0, err
		}
		to = make([]rollcall.Email, 0, s.Count)
		for e := range s.Entries {
			to = append(to, e.Email)
		}
	} else {
		to = p.once(to)
	}
	for some := range slices.Chunk(to, mostAsked) {
		sockets, err := ask(ctx, p, func(answer chan<- []rollcall.Socket) any { return &Reach{Emails: some, Answer: answer} })
		if err != nil {
			return took, fmt.Errorf("asking the registry for sockets: %w", err)
		}
		for _, s := range sockets {
			if s.Send(frame) {
				took++
			}
		}
	}
	return took, nil
}

// once drops the users who are named again.
func (p *Presence) once(emails []rollcall.Email) []rollcall.Email {
	key, seen := p.config.key(), make(map[rollcall.Email]bool, len(emails))
	return slices.DeleteFunc(slices.Clone(emails), func(e rollcall.Email) bool {
		again := seen[key(e)]
		seen[key(e)] = true
		return again
	})
}

// Disconnect implements [rollcall.Reaching].
func (p *Presence) Disconnect(ctx context.Context, email rollcall.Email, why rollcall.Close) (int, error) {
	return p.kick(ctx, Kick{Email: email, Close: why})
}

// DisconnectSession implements [rollcall.Reaching].
func (p *Presence) DisconnectSession(ctx context.Context, id rollcall.SessionID, why rollcall.Close) (bool, error) {
	n, err := p.kick(ctx, Kick{Session: id, Close: why})
	return n > 0, err
}

func (p *Presence) kick(ctx context.Context, k Kick) (int, error) {
	n, err := ask(ctx, p, func(answer chan<- int) any {
		k.Answer = answer
		return new(k)
	})
	if err != nil {
		return 0, fmt.Errorf("asking the registry to end sessions: %w", err)
	}
	return n, nil
}

// find is the state of each user.
func (r *roster) find(emails []rollcall.Email) []rollcall.UserState {
	states := make([]rollcall.UserState, len(emails))
	for i, email := range emails {
		states[i].Email = email
		if u := r.users[r.key(email)]; u != nil {
			states[i].Online, states[i].Entry = true, u.told()
			states[i].Sessions = u.sessions()
		}
	}
	return states
}

// sessions is the user's sessions, oldest first.
func (u *user) sessions() []rollcall.SessionState {
	all := make([]rollcall.SessionState, len(u.members))
	for i, m := range u.members {
		all[i] = rollcall.SessionState{
			ID: m.id, ConnectedAt: m.connectedAt.time(), LastActivity: m.lastActivity.time(),
			Address: m.connect.Address, UserAgent: m.connect.UserAgent,
		}
	}
	slices.SortStableFunc(all, func(a, b rollcall.SessionState) int { return a.ConnectedAt.Compare(b.ConnectedAt) })
	return all
}

// sockets is every socket of the users that was greeted: the greeting is the first
// frame that a client reads.
func (r *roster) sockets(emails []rollcall.Email) []rollcall.Socket {
	all := make([]rollcall.Socket, 0, len(emails))
	for _, email := range emails {
		if u := r.users[r.key(email)]; u != nil {
			for _, m := range u.members {
				if m.greeted() {
					all = append(all, m.connect.Socket)
				}
			}
		}
	}
	return all
}

// kick ends every session of a user, also of those that wait for their commit, and the
// grace of one who has none; or the one session that is named.
func (r *roster) kick(email rollcall.Email, id rollcall.SessionID, why rollcall.Close, now time.Time) (o outcome) {
	if id != uuid.Nil {
		if m := r.members[id]; m != nil && m.phase == here {
			o.kick(m, why)
		}
		return o
	}
	for _, m := range r.waiting {
		if r.key(m.connect.Email) == r.key(email) {
			r.refuseAll(m, why, now, &o)
		}
	}
	u := r.users[r.key(email)]
	switch {
	case u == nil:
	case u.lingering != nil:
		r.endGrace(u)
	default:
		for _, m := range u.members {
			o.kick(m, why)
		}
	}
	return o
}

// kick ends a member. Whatever else it was told before, it is kicked.
func (o *outcome) kick(m *member, why rollcall.Close) {
	m.ending, m.kicked = &why, true
	o.end(m, why)
}
