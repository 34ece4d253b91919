//go:build !linux

package bench

import (
	"context"
	"errors"
	"io"
)

// Work holds clients by Linux's epoll, and there is none here.
func Work(context.Context, io.Reader, io.Writer) error {
	return errors.New("the clients of the bench need Linux's epoll; run rollcall bench there")
}
