//go:build !linux

package fifo

import "errors"

type identity struct{ Dev, Ino uint64 }

type opened struct {
	fd   int
	id   identity
	ours bool
	made Made
}

type owner struct{ uid, gid int }

func open(string, *owner, []Made) (opened, error) {
	return opened{}, errors.New("FIFOs need Linux")
}

func at(string) identity                       { return identity{} }
func (opened) write([]byte) (bool, error)      { return false, nil }
func (opened) unread() int                     { return 0 }
func (opened) drain() int                      { return 0 }
func (opened) close(string, bool)              {}
func (opened) give(*owner) error               { return nil }
func inherit(int, bool, string) (opened, bool) { return opened{}, false }
func stands(Made) bool                         { return false }
func remove(Made)                              {}
func announce(path string, _ *owner) Made      { return Made{Path: path} }

type recorded struct{ pid int }

func (*pipe) note(int)                 {}
func (*pipe) unnote()                  {}
func (*pipe) orphan() (recorded, bool) { return recorded{}, false }
func (recorded) end()                  {}
