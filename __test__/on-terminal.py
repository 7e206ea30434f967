# Runs a command on a pseudo-terminal and answers, as JSON, its exit status and what the terminal got.
#   on-terminal.py COLUMNS TEXT COMMAND...   types Ctrl-C when TEXT has been printed; "" never
import fcntl, json, os, pty, struct, sys, termios

columns, text, command = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
child = os.fork()
if child == 0:
    os.close(master)
    os.login_tty(slave) if hasattr(os, 'login_tty') else (
        os.setsid(), fcntl.ioctl(slave, termios.TIOCSCTTY, 0), [os.dup2(slave, fd) for fd in range(3)])
    os.execvp(command[0], command)
os.close(slave)
printed, typed = b'', False
while True:
    try:
        part = os.read(master, 65536)
    except OSError:
        break
    if not part:
        break
    printed += part
    if text and not typed and text in printed:
        os.write(master, b'\x03')
        typed = True
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
json.dump({'status': status, 'printed': printed.decode('utf-8', 'replace')}, sys.stdout)
