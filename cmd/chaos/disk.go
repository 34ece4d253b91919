package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// diskSize holds a database of some hundred users and its history twice.
	diskSize = "96m"
	// ballastBlock is what the ballast grows by until nothing more fits, and
	// ballastRest what it grows by then.
	ballastBlock = 1 << 20
	ballastRest  = 1 << 12
	// unmount is what a guard does. The database may still run on it.
	unmount = `umount -l "$1" && rmdir "$1"`
)

// disk is a small file system in memory, which can be filled up.
type disk struct {
	mount string
	guard *guard
}

// newDisk mounts one in a folder, for the folder's owner.
func newDisk(folder string) (*disk, error) {
	at, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("find the owner of %s: %w", folder, err)
	}
	owner := at.Sys().(*syscall.Stat_t)
	d := &disk{mount: filepath.Join(folder, "small")}
	if err := os.Mkdir(d.mount, 0o700); err != nil {
		return nil, fmt.Errorf("make a place for a disk: %w", err)
	}
	options := fmt.Sprintf("size=%s,mode=700,uid=%d,gid=%d", diskSize, owner.Uid, owner.Gid)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", d.mount).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mount a disk: %w: %s", err, bytes.TrimSpace(out))
	}
	if d.guard, err = newGuard(unmount, d.mount); err != nil {
		return nil, errors.Join(err, exec.Command("umount", d.mount).Run())
	}
	return d, nil
}

// fill leaves no room for a while.
func (d *disk) fill(ctx context.Context, full time.Duration) (err error) {
	ballast, err := os.Create(filepath.Join(d.mount, "ballast"))
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer func() {
		err = errors.Join(err, ballast.Close(), os.Remove(ballast.Name()))
	}()
	for _, size := range []int{ballastBlock, ballastRest} {
		for block := make([]byte, size); err == nil; {
			_, err = ballast.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("fill the disk: %w", err)
		}
		err = nil
	}
	rest(ctx, full)
	return nil
}

func (d *disk) close() { d.guard.close() }
