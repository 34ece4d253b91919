package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
)

// fleet is the servers that run. The nemesis alone takes them out and puts them
// in; everybody else asks who is there.
type fleet struct {
	program *program
	history *history

	mu    sync.Mutex // guards what follows
	up    []*server
	names []string // every name that ever ran: rows may be left under each
}

// start adds a server under a name.
func (f *fleet) start(ctx context.Context, name string) error {
	f.mu.Lock()
	if !slices.Contains(f.names, name) {
		f.names = append(f.names, name)
	}
	f.mu.Unlock()
	s, err := f.program.serve(ctx, name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.up = append(f.up, s)
	f.mu.Unlock()
	go f.watch(s)
	return nil
}

// watch finds a server that ends although nobody has taken it out.
func (f *fleet) watch(s *server) {
	<-s.gone
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.up, s) {
		f.up = slices.DeleteFunc(f.up, func(other *server) bool { return other == s })
		f.history.surprise(fmt.Sprintf("server %s ended by itself at %s: %s", s.name, clock(f.history.now()), s.command.ProcessState))
	}
}

// remove takes a server out before it is made to end.
func (f *fleet) remove(s *server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up = slices.DeleteFunc(f.up, func(other *server) bool { return other == s })
}

// servers is who is there.
func (f *fleet) servers() []*server {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.up)
}

// nodes is every name that ever ran.
func (f *fleet) nodes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.names)
}

// pick draws one of the servers, or none if none is there.
func (f *fleet) pick(draw *rand.Rand) *server {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.up) == 0 {
		return nil
	}
	return f.up[draw.IntN(len(f.up))]
}

// unusedName is one that never ran.
func (f *fleet) unusedName() string { return "node" + strconv.Itoa(len(f.nodes())+1) }

// end kills all of them.
func (f *fleet) end() {
	for _, s := range f.servers() {
		f.remove(s)
		s.end()
	}
}
