package actors

import (
	"time"

	"github.com/rollcall/rollcall"
)

// health judges by level: what is wrong now, and not what went wrong. A commit
// that is late counts only when the lease has run out over it, since other nodes
// may have removed the rows by then.
func (r *registry) health(now time.Time) rollcall.Health {
	h := rollcall.Health{
		Sessions:  len(r.roster.here),
		Committed: r.confirmed,
		Lease:     r.presence.config.Lease,
	}
	switch {
	case r.closing != nil:
		h.Obstacle = rollcall.ObstacleDraining
	case r.failures > 0:
		h.Obstacle = rollcall.ObstacleAway
	case r.confirmed.IsZero():
		h.Obstacle = rollcall.ObstacleStarting
	case now.Sub(r.confirmed) >= h.Lease:
		h.Obstacle = rollcall.ObstacleOverdue
	}
	return h
}
