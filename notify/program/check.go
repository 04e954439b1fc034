package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Check says why a command cannot be run: there is no such program or user, or
// it is refused by enable_script_security. That it can be run now does not
// mean that it can be later.
func Check(cmd Command) error {
	if len(cmd.Argv) == 0 {
		return errors.New("no program is configured")
	}
	path, err := find(cmd.Argv[0])
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("run %s: %w", path, err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("run %s: %w (it is not an executable file)", path, fs.ErrPermission)
	}
	who, err := credential(cmd)
	if err != nil {
		return err
	}
	return secure(path, who, cmd)
}

// secure refuses what would run as root and others could have written, where
// that is asked for.
func secure(path string, who *syscall.Credential, cmd Command) error {
	root := who == nil && os.Geteuid() == 0 || who != nil && who.Uid == 0
	if !root || !cmd.Secure {
		return nil
	}
	parts, err := Parts(path)
	if err == nil {
		err = CheckParts(parts)
	}
	if err != nil {
		return fmt.Errorf("run %s as root: %w", path, err)
	}
	return nil
}
