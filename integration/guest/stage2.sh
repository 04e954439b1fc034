# The guest's process 1 once it stands on the host's files: run start.sh of the
# shared folder with its output on one port, report its status on the other,
# and power off. It must not end before that, or the kernel panics. In a whole
# system it is a service, and finds everything mounted.
b=/run/guest/busybox
share=/run/guest/share
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ -z "$BOOTED" ]; then
	$b mkdir -p /dev/pts /dev/shm
	$b mount -t devpts devpts /dev/pts
	$b mount -t tmpfs tmpfs /dev/shm
	$b ln -sf /proc/self/fd /dev/fd
fi
$b hostname lab
# IPVS refuses new destinations in a network namespace whose lo is down.
$b ip link set lo up
for port in /sys/class/virtio-ports/*; do
	case $($b cat "$port/name") in
	lab.out) out=/dev/${port##*/} ;;
	lab.status) status=/dev/${port##*/} ;;
	esac
done
exec 4>"$status"
echo up >&4
(exec 4>&-; $b sh "$share/start.sh" <>"$out" >&0 2>&0)
echo "exit $?" >&4
exec 4>&-
$b sync
echo o >/proc/sysrq-trigger
while :; do $b sleep 1; done
