package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// workshop is the temporary folder of a run: the binary, if it was built for it,
// and the servers' logs, if nobody asked for them elsewhere.
type workshop struct {
	folder string
	built  string // the binary; empty if one was given
	logs   string // where the logs are
}

// newWorkshop fills in what the settings leave open.
func newWorkshop(ctx context.Context, s *settings) (w *workshop, err error) {
	if s.rollcall != "" {
		if _, err := exec.LookPath(s.rollcall); err != nil {
			return nil, fmt.Errorf("find the server: %w", err)
		}
	}
	w = new(workshop)
	if w.folder, err = os.MkdirTemp("", "rollcall-chaos-"); err != nil {
		return nil, fmt.Errorf("make a folder for the run: %w", err)
	}
	if s.logs == "" {
		s.logs = w.folder
	}
	w.logs = s.logs
	if s.rollcall == "" {
		if w.built, err = build(ctx, w.folder); err != nil {
			return nil, errors.Join(err, w.remove())
		}
		s.rollcall = w.built
	}
	return w, nil
}

// leave is for a run that failed: it adds to the error where to look, and keeps
// what there is to look at.
func (w *workshop) leave(err error) error {
	logs, _ := filepath.Glob(filepath.Join(w.logs, "*"+logEnding))
	if len(logs) == 0 {
		return errors.Join(err, w.remove())
	}
	return errors.Join(fmt.Errorf("%w; the servers' logs are in %s", err, w.logs), w.tidy())
}

// tidy keeps the logs, and nothing else.
func (w *workshop) tidy() error {
	if w.logs != w.folder {
		return w.remove()
	}
	if w.built == "" {
		return nil
	}
	if err := os.Remove(w.built); err != nil {
		return fmt.Errorf("tidy the folder of the run: %w", err)
	}
	return nil
}

// remove leaves nothing but logs that somebody wanted elsewhere.
func (w *workshop) remove() error {
	if err := os.RemoveAll(w.folder); err != nil {
		return fmt.Errorf("remove the folder of the run: %w", err)
	}
	return nil
}

// build makes the binary in a folder.
func build(ctx context.Context, folder string) (binary string, err error) {
	binary = filepath.Join(folder, "rollcall")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/rollcall/rollcall/cmd/rollcall").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w: %s", err, out)
	}
	return binary, nil
}
