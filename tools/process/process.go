// Package process runs child processes that do not outlive the one that started them: process.Start gives a Process that is
// stopped in an orderly way by Stop, at once by Kill, and by the kernel (Linux) when its parent dies without saying goodbye.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	Name string // how messages call it
	Path string
	Args []string
	Env  []string // complete: nothing is inherited
	Dir  string
	// Input and Output are the child's standard streams; standard error goes to Output too. Nil means none.
	Input  io.Reader
	Output io.Writer
	// User runs the child as somebody else; only root can ask for it.
	User *User
	// StopSignal asks the child to end in order; SIGTERM when zero. The kernel sends the same one when the parent dies.
	StopSignal syscall.Signal
}

// Process is a running child.
type Process struct {
	spec  Spec
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // valid once ended is closed
}

// Start runs the child in a process group of its own, so that a Ctrl-C in the terminal reaches the parent alone and children
// end in the parent's order.
func Start(spec Spec) (*Process, error) {
	if spec.StopSignal == 0 {
		spec.StopSignal = syscall.SIGTERM
	}
	p := &Process{spec: spec, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties the death signal to the thread that forked, not to the process: this goroutine keeps its thread for
		// as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		//nolint:noctx // The child's life ends by Stop, not by a context.
		cmd := exec.Command(spec.Path, spec.Args...)
		cmd.Env, cmd.Dir = spec.Env, spec.Dir
		if cmd.Env == nil {
			cmd.Env = []string{}
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = spec.Input, spec.Output, spec.Output
		cmd.WaitDelay = 2 * time.Second // a grandchild that keeps the pipe open must not keep Wait
		cmd.SysProcAttr = attributes(spec)
		p.cmd = cmd
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("start %s: %w", spec.Name, err)
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Name is what messages call the child.
func (p *Process) Name() string { return p.spec.Name }

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the child is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err says how the child ended: nil for exit code 0. It waits for the end.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}

// Signal sends one signal; a child that is gone already is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.spec.Name, err)
	}
	return nil
}

// Stop asks the child to end and waits. When ctx ends first the child is killed and Stop says so.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(p.spec.StopSignal); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s did not stop in time and was killed", p.spec.Name)
	}
}

// Kill ends the child at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // the only failure is that it is gone already
	<-p.ended
}
