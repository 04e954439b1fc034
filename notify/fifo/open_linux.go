package fifo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// identity is which file it is.
type identity struct{ Dev, Ino uint64 }

// opened is a FIFO that is open.
type opened struct {
	fd   int
	id   identity
	ours bool // made here
	made Made
}

// owner is who reads a FIFO that is made; nil is who we are.
type owner struct{ uid, gid int }

// open opens the FIFO at path, and makes it when nothing is there. One of earlier was made here before.
func open(path string, reader *owner, earlier []Made) (opened, error) {
	if !filepath.IsAbs(path) {
		return opened{}, fmt.Errorf("%s is not an absolute path", path)
	}
	err := unix.Mkfifo(path, 0o600)
	ours := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return opened{}, fmt.Errorf("making FIFO %s: %w", path, err)
	}
	// First without opening what it is: that a device is opened may be enough for it to act.
	place, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return opened{}, fmt.Errorf("opening FIFO %s: %w", path, err)
	}
	defer unix.Close(place)
	var st unix.Stat_t
	if err := unix.Fstat(place, &st); err != nil {
		return opened{}, fmt.Errorf("opening FIFO %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return opened{}, fmt.Errorf("%s is %s and not a FIFO: nothing is written to it", path, kindOf(st.Mode))
	}
	ours = ours && st.Uid == uint32(os.Geteuid()) && st.Mode&0o777 == 0o600
	made := madeOf(place, path)
	ours = ours || slices.ContainsFunc(earlier, func(e Made) bool { return e.Path == path && e.is(place) })
	if !ours {
		if err := trusted(path, st.Uid, reader); err != nil {
			return opened{}, err
		}
	}
	if ours && reader != nil {
		if err := unix.Fchownat(place, "", reader.uid, reader.gid, unix.AT_EMPTY_PATH); err != nil {
			_ = os.Remove(path) // else the next attempt would take it for somebody's
			return opened{}, fmt.Errorf("giving FIFO %s to the user of its script: %w", path, err)
		}
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", place), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return opened{}, fmt.Errorf("opening FIFO %s: %w", path, err)
	}
	return opened{fd: fd, id: identity{uint64(st.Dev), st.Ino}, ours: ours, made: made}, nil
}

// madeOf is what is noted of an open file.
func madeOf(fd int, path string) Made {
	m := Made{Path: path}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil {
		m.Dev, m.Ino = uint64(st.Dev), st.Ino
	}
	var more unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &more) == nil && more.Mask&unix.STATX_BTIME != 0 {
		m.Born = more.Btime.Sec*int64(time.Second) + int64(more.Btime.Nsec)
	}
	if boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		m.Boot = strings.TrimSpace(string(boot))
	}
	return m
}

// stands says whether a FIFO that was made here is what stands at its path.
func stands(m Made) bool {
	place, err := unix.Open(m.Path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(place)
	var st unix.Stat_t
	return unix.Fstat(place, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO && m.is(place)
}

// is says whether it is the FIFO that is open at its path.
func (m Made) is(fd int) bool {
	if m.Announced == 0 {
		return m.same(madeOf(fd, m.Path))
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&0o777 != 0o600 || st.Uid != uint32(os.Geteuid()) && st.Uid != m.UID {
		return false
	}
	born := madeOf(fd, m.Path).Born
	if born == 0 {
		born = st.Ctim.Nano()
	}
	// The kernel's time of a file is that of its last tick.
	return born > m.Announced-int64(time.Second) && born < m.Announced+int64(announcement)
}

// announce is what is noted before a FIFO is made.
func announce(path string, reader *owner) Made {
	m := Made{Path: path, UID: uint32(os.Geteuid())}
	if reader != nil {
		m.UID = uint32(reader.uid)
	}
	var now unix.Timespec // as the kernel has it, who gives the file its time
	if unix.ClockGettime(unix.CLOCK_REALTIME, &now) == nil {
		m.Announced = now.Nano()
	}
	return m
}

// remove removes a FIFO that was made here, if it still stands.
func remove(m Made) {
	if stands(m) {
		_ = os.Remove(m.Path) // somebody else has
	}
}

// trusted refuses a FIFO that somebody may have put there to read what is not for him: in a
// directory that all may write, as /tmp, it has to belong to us, to root, to the owner of the
// directory or to the user of the script.
func trusted(path string, uid uint32, reader *owner) error {
	var dir unix.Stat_t
	if err := unix.Stat(filepath.Dir(path), &dir); err != nil {
		return fmt.Errorf("looking at the directory of FIFO %s: %w", path, err)
	}
	switch {
	case dir.Mode&0o002 == 0, uid == 0, uid == uint32(os.Geteuid()), uid == dir.Uid,
		reader != nil && uint32(reader.uid) == uid:
		return nil
	}
	return fmt.Errorf("FIFO %s belongs to user %d in a directory that everybody may write: nothing is written to it", path,
		uid)
}

func kindOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a regular file"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}

// at is which file stands at a path; the zero identity is none.
func at(path string) identity {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return identity{}
	}
	return identity{uint64(st.Dev), st.Ino}
}

// write writes without waiting; false is that there is no room.
func (o opened) write(b []byte) (bool, error) {
	for {
		_, err := unix.Write(o.fd, b)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return false, nil
		default:
			return false, fmt.Errorf("writing: %w", err)
		}
	}
}

// unread is how much is in the pipe that nobody has read, in bytes.
func (o opened) unread() int {
	n, err := unix.IoctlGetInt(o.fd, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// drain takes out all that nobody has read, and returns how much it was, in bytes.
func (o opened) drain() (all int) {
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(o.fd, buf)
		if n > 0 {
			all += n
		}
		if err != nil && errors.Is(err, syscall.EINTR) {
			continue
		}
		if n <= 0 || all > maxPipe {
			return all
		}
	}
}

// close closes it, and removes it when it was made here and is still what stands at path.
func (o opened) close(path string, remove bool) {
	if remove && o.ours && at(path) == o.id {
		_ = os.Remove(path) // somebody else has
	}
	_ = unix.Close(o.fd) // nothing is buffered
}

// give gives one that was made here to the user who reads it.
func (o opened) give(reader *owner) error {
	if reader == nil {
		reader = &owner{os.Geteuid(), os.Getegid()}
	}
	var st unix.Stat_t
	if err := unix.Fstat(o.fd, &st); err != nil || !o.ours {
		return err
	}
	if st.Uid == uint32(reader.uid) && st.Gid == uint32(reader.gid) {
		return nil
	}
	return unix.Fchown(o.fd, reader.uid, reader.gid)
}

// inherit takes over a descriptor; false is that it is no FIFO.
func inherit(fd int, ours bool, path string) (opened, bool) {
	var st unix.Stat_t
	if fd <= 2 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return opened{}, false
	}
	unix.CloseOnExec(fd)
	return opened{fd: fd, id: identity{uint64(st.Dev), st.Ino}, ours: ours, made: madeOf(fd, path)}, true
}
