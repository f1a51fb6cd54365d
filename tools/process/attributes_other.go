//go:build !linux

package process

import "syscall"

// There is no death signal outside Linux: a parent killed by force leaves its children, and the next start of the stack finds
// and stops them by their pid files.
func attributes(spec Spec) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if spec.User != nil {
		a.Credential = &syscall.Credential{Uid: spec.User.UID, Gid: spec.User.GID, Groups: []uint32{spec.User.GID}}
	}
	return a
}
