//go:build linux

package guest

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lvs-director/director/integration/debian"
)

//go:embed init.sh
var initScript []byte

//go:embed stage2.sh
var stage2Script []byte

// bootModules are the modules that the guest needs before it can see this
// machine's files; all others it loads from there.
var bootModules = []string{"virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay", "virtio_net"}

// buildInitramfs writes the guest's first file system: busybox, the boot
// modules and two scripts.
func buildInitramfs(dir string, kernel debian.Kernel) (path string, err error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return "", fmt.Errorf("read busybox: %w", err)
	}
	order, err := moduleOrder(kernel, bootModules)
	if err != nil {
		return "", err
	}
	var image bytes.Buffer
	w := newCPIO(&image)
	for _, name := range []string{"bin", "proc", "sys", "dev", "modules", "lower", "upper", "new"} {
		w.dir(name)
	}
	w.file("bin/busybox", 0o755, program)
	w.file("init", 0o755, initScript)
	w.file("stage2.sh", 0o755, stage2Script)
	var names strings.Builder
	for _, module := range order {
		code, err := readModule(busybox, filepath.Join(kernel.Modules, module))
		if err != nil {
			return "", err
		}
		name := strings.TrimSuffix(filepath.Base(module), ".xz")
		w.file("modules/"+name, 0o644, code)
		fmt.Fprintln(&names, name)
	}
	w.file("modules/order", 0o644, []byte(names.String()))
	w.end()

	path = filepath.Join(dir, "initramfs-"+kernel.Release)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, image.Bytes()) {
		return path, nil
	}
	// A guest that boots meanwhile keeps the file that it opened.
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(temp, image.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("write the guest's first file system: %w", err)
	}
	return path, os.Rename(temp, path)
}

// moduleOrder lists the files of the named modules, each after those that it
// depends on. A module that is built into the kernel has no file.
func moduleOrder(kernel debian.Kernel, names []string) ([]string, error) {
	index, err := os.ReadFile(filepath.Join(kernel.Modules, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("read the guest kernel's modules: %w", err)
	}
	files, depends := map[string]string{}, map[string][]string{}
	for line := range strings.Lines(string(index)) {
		file, deps, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		files[strings.ReplaceAll(name, "-", "_")] = file
		depends[file] = strings.Fields(deps)
	}
	var order []string
	placed := map[string]bool{}
	var place func(file string)
	place = func(file string) {
		if placed[file] {
			return
		}
		placed[file] = true
		for _, dep := range depends[file] {
			place(dep)
		}
		order = append(order, file)
	}
	for _, name := range names {
		if file, ok := files[name]; ok {
			place(file)
		}
	}
	return order, nil
}

// readModule reads a module; Debian 13 compresses them.
func readModule(busybox, path string) ([]byte, error) {
	if !strings.HasSuffix(path, ".xz") {
		return os.ReadFile(path)
	}
	code, err := exec.Command(busybox, "xzcat", path).Output()
	if err != nil {
		return nil, fmt.Errorf("unpack the guest's module %s: %w", path, err)
	}
	return code, nil
}
