#!/bin/busybox sh
# The guest's first program: load what is needed to see the host's files, lay a
# file system in memory over them, and go on there with stage2.sh.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for m in $($b cat /modules/order); do
	$b insmod /modules/$m || echo "lab: cannot load $m"
done
p9=trans=virtio,version=9p2000.L,msize=512000
$b mount -t 9p -o $p9,ro,cache=loose host /lower || echo "lab: cannot see the host's files"
$b mkdir /share
$b mount -t 9p -o $p9 share /share
. /share/paths.sh
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/files /upper/work
$b mount -t overlay -o "lowerdir=/lower$root,upperdir=/upper/files,workdir=/upper/work" overlay /new ||
	echo "lab: cannot lay memory over the host's files"
$b mount --move /proc /new/proc
$b mount --move /sys /new/sys
$b mount --move /dev /new/dev
$b mount -t tmpfs tmpfs /new/run
$b mkdir -p /new/run/guest/share
$b mount --move /share /new/run/guest/share
$b mkdir -p "/new$logs"
$b mount -t 9p -o $p9 logs "/new$logs"
$b mkdir -p /new/lib/modules/$($b uname -r)
# Of this machine's files through the memory over them: a test may hide a module.
[ -n "$root" ] || modules=/new${modules#/lower}
$b mount --bind "$modules" /new/lib/modules/$($b uname -r)
$b cp /bin/busybox /stage2.sh /new/run/guest/
[ -n "$root" ] || exec $b switch_root /new /run/guest/busybox sh /run/guest/stage2.sh
# A whole system: its own first program starts, and stage2.sh as a service of it.
$b mkdir -p /new/run/guest/host /new/run/systemd/system/multi-user.target.wants
$b mount --bind /lower /new/run/guest/host
$b cat >/new/run/systemd/system/guest.service <<END
[Service]
Environment=BOOTED=yes
ExecStart=/run/guest/busybox sh /run/guest/stage2.sh
END
$b ln -s ../guest.service /new/run/systemd/system/multi-user.target.wants/guest.service
exec $b switch_root /new /lib/systemd/systemd
