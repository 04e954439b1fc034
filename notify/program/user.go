package program

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// DefaultUser runs the scripts that name no user, if it exists.
const DefaultUser = "keepalived_script"

// credential is who runs a command; nil is who we are already.
func credential(cmd Command) (*syscall.Credential, error) {
	name, group := cmd.User, cmd.Group
	optional := name == ""
	if optional {
		name = DefaultUser
	}
	u, err := user.Lookup(name)
	if err != nil && optional {
		return nil, nil
	}
	if err != nil {
		if u, _ = user.LookupId(name); u == nil {
			return nil, fmt.Errorf("script user %s: no such user", name)
		}
	}
	gid := u.Gid
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, _ = user.LookupGroupId(group); g == nil {
				return nil, fmt.Errorf("script group %s: no such group", group)
			}
		}
		gid = g.Gid
	}
	ids := []string{u.Uid, gid}
	if all, err := u.GroupIds(); err == nil && cmd.AllGroups {
		ids = append(ids, all...)
	} else {
		ids = append(ids, gid) // no group of ours, and no other of the user's
	}
	var numbers []uint32
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("script user %s: id %q is not a number", name, id)
		}
		numbers = append(numbers, uint32(n))
	}
	c := &syscall.Credential{Uid: numbers[0], Gid: numbers[1], Groups: numbers[2:]}
	if c.Uid == uint32(os.Geteuid()) && c.Gid == uint32(os.Getegid()) {
		return nil, nil
	}
	if optional && os.Geteuid() != 0 {
		return nil, nil // not root: the default user cannot be had, as without it
	}
	return c, nil
}

// Part is what there is to know of one component of a path.
type Part struct {
	Path string
	UID  uint32
	GID  uint32
	Mode os.FileMode
}

// ErrInsecure is the class of CheckParts' errors.
var ErrInsecure = errors.New("refused by enable_script_security")

// CheckParts refuses a program that others than root could have replaced:
// every part of its path must belong to root and be writable by root and root's
// group alone, but for a directory with the sticky bit, in which nobody replaces
// what is root's. A symbolic link's own mode means nothing; where it leads is a
// part of its own. keepalived has the same rule.
func CheckParts(parts []Part) error {
	for _, p := range parts {
		if p.UID != 0 {
			return fmt.Errorf("%w: %s belongs to user %d, not to root", ErrInsecure, p.Path, p.UID)
		}
		sticky := p.Mode&(os.ModeDir|os.ModeSticky) == os.ModeDir|os.ModeSticky
		byGroup := p.Mode.Perm()&0o020 != 0 && p.GID != 0
		byOthers := p.Mode.Perm()&0o002 != 0 && !sticky
		if p.Mode&os.ModeSymlink == 0 && (byGroup || byOthers) {
			return fmt.Errorf("%w: %s can be written by others than root (mode %04o)", ErrInsecure, p.Path, p.Mode.Perm())
		}
	}
	return nil
}

// Owner is the user and group that a command runs as; false is who we are, or that there is no
// such user.
func Owner(cmd Command) (uid, gid int, ok bool) {
	c, err := credential(cmd)
	if err != nil || c == nil {
		return 0, 0, false
	}
	return int(c.Uid), int(c.Gid), true
}
