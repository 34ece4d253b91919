package main

import (
	"cmp"
	"slices"
)

// wrong is what was wrong with a list.
type wrong string

// A list is wrong about a user in one of two ways.
const (
	missing wrong = "missing" // a socket of the user was surely open, and the user not listed
	ghost   wrong = "ghost"   // listed, while no socket of the user can have been open
)

// episode is a time in which one list was wrong about one user. It is the time
// that is proved: it may have begun no later, and lasted no shorter.
type episode struct {
	source
	user  int
	wrong wrong
	since moment // when the list had to begin to change, or was first seen wrong after it was right
	until moment // when it was last asked and still wrong
}

// episodes finds all times in which a list was wrong.
func episodes(r record) (all []episode) {
	bySource := make(map[source][]observation)
	for _, o := range r.seen {
		bySource[o.source] = append(bySource[o.source], o)
	}
	byUser := make(map[int][]socket)
	for _, s := range r.sockets {
		byUser[s.user] = append(byUser[s.user], s)
	}
	for from, seen := range bySource {
		slices.SortFunc(seen, func(a, b observation) int { return cmp.Compare(a.asked, b.asked) })
		for user := range known(byUser, seen) {
			var truth []socket
			for _, s := range byUser[user] {
				if from.covers(s.node) {
					truth = append(truth, s)
				}
			}
			all = append(all, compare(from, user, seen, truth)...)
		}
	}
	slices.SortFunc(all, func(a, b episode) int { return cmp.Compare(a.since, b.since) })
	return all
}

// known is everybody who has a socket or was ever listed.
func known(byUser map[int][]socket, seen []observation) map[int]bool {
	all := make(map[int]bool)
	for user := range byUser {
		all[user] = true
	}
	for _, o := range seen {
		for user := range len(o.listed) * wordBits {
			if o.listed.has(user) {
				all[user] = true
			}
		}
	}
	return all
}

// compare holds one list against the sockets of one user.
func compare(from source, user int, seen []observation, truth []socket) (found []episode) {
	slices.SortFunc(truth, func(a, b socket) int { return cmp.Compare(a.dialed, b.dialed) })
	var open *episode
	right := moment(0) // when the list was last asked and right
	over := moment(0)  // the last end among the sockets that are behind
	for _, o := range seen {
		for len(truth) > 0 && truth[0].left < o.asked {
			over = max(over, truth[0].left)
			truth = truth[1:]
		}
		what, since := judge(o, user, truth)
		if what == "" {
			right, open = o.asked, nil
			continue
		}
		if what == ghost {
			since = over
			for _, s := range truth {
				if s.left < o.asked {
					since = max(since, s.left)
				}
			}
		}
		// What was wrong before about a socket that is behind is another episode.
		if open == nil || open.wrong != what || since > open.until {
			if since < right { // it has been right since, so that it only now went wrong
				since = o.asked
			}
			found = append(found, episode{from, user, what, since, o.asked})
			open = &found[len(found)-1]
		}
		open.until = o.asked
	}
	return found
}

// judge says what is wrong with one answer about one user, if anything is; of a
// missing user also since when the list should have had it.
func judge(o observation, user int, truth []socket) (what wrong, since moment) {
	perhaps, since := false, never
	for _, s := range truth {
		if s.dialed > o.answered {
			break
		}
		perhaps = perhaps || s.perhaps(o.asked, o.answered)
		if s.surely(o.asked, o.answered) {
			since = min(since, s.greeted)
		}
	}
	listed := o.listed.has(user)
	switch {
	case !listed && since != never:
		return missing, since
	case listed && !perhaps:
		return ghost, 0
	}
	return "", 0
}
