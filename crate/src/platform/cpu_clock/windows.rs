//! In cycles where they all take equally long, else in ticks of some 16 milliseconds.

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::Threading::{GetCurrentThread, GetThreadTimes};

/// Nanoseconds for which this thread had a core.
pub(crate) fn thread_nanos() -> u64 {
    cycles::thread_nanos().unwrap_or_else(ticks)
}

/// Moves when the system's timer interrupts this thread.
fn ticks() -> u64 {
    let zero = FILETIME {
        dwLowDateTime: 0,
        dwHighDateTime: 0,
    };
    let (mut created, mut exited, mut kernel, mut user) = (zero, zero, zero, zero);
    // SAFETY: the pseudo handle of the current thread is always valid, and the four out pointers
    // are to initialised locals that outlive the call.
    let ok = unsafe {
        GetThreadTimes(
            GetCurrentThread(),
            &mut created,
            &mut exited,
            &mut kernel,
            &mut user,
        )
    };
    if ok == 0 {
        return 0;
    }
    let hundreds = |t: FILETIME| (u64::from(t.dwHighDateTime) << 32) | u64::from(t.dwLowDateTime);
    (hundreds(kernel) + hundreds(user)) * 100
}

/// The time stamp counter is what Windows counts a thread's cycles with.
#[cfg(target_arch = "x86_64")]
mod cycles {
    use std::arch::x86_64::{__cpuid, _rdtsc};
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};
    use windows_sys::Win32::System::Threading::GetCurrentThread;
    use windows_sys::Win32::System::WindowsProgramming::QueryThreadCycleTime;

    /// The counter is compared with the clock for so long, once.
    const CALIBRATION: Duration = Duration::from_millis(1);
    /// The CPUID leaf, and its bit in EDX, that say whether the counter has one speed.
    const POWER_MANAGEMENT: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;

    pub(super) fn thread_nanos() -> Option<u64> {
        static NANOS_PER_CYCLE: OnceLock<Option<f64>> = OnceLock::new();
        let nanos = (*NANOS_PER_CYCLE.get_or_init(calibrate))?;
        Some((thread_cycles()? as f64 * nanos) as u64)
    }

    fn thread_cycles() -> Option<u64> {
        let mut cycles = 0;
        // SAFETY: the pseudo handle of the current thread is always valid, and the out pointer is to a
        // local that outlives the call.
        let ok = unsafe { QueryThreadCycleTime(GetCurrentThread(), &mut cycles) };
        (ok != 0).then_some(cycles)
    }

    fn calibrate() -> Option<f64> {
        if !is_invariant() {
            return None;
        }
        thread_cycles()?;
        let (start, counter) = pair();
        loop {
            let (now, later) = pair();
            let elapsed = now - start;
            if elapsed >= CALIBRATION {
                return Some(elapsed.as_nanos() as f64 / later.saturating_sub(counter) as f64);
            }
        }
    }

    fn is_invariant() -> bool {
        __cpuid(0x8000_0000).eax >= POWER_MANAGEMENT
            && __cpuid(POWER_MANAGEMENT).edx & INVARIANT != 0
    }

    /// The clock and the counter at one moment: of three tries, the one that took least.
    fn pair() -> (Instant, u64) {
        let attempt = || {
            let before = counter();
            let now = Instant::now();
            (counter() - before, now, before)
        };
        let (_, now, counter) = std::iter::repeat_with(attempt)
            .take(3)
            .min_by_key(|(took, ..)| *took)
            .unwrap_or_else(attempt);
        (now, counter)
    }

    fn counter() -> u64 {
        // SAFETY: every x86-64 processor has the instruction.
        unsafe { _rdtsc() }
    }
}

/// Elsewhere a cycle takes as long as the core's speed has it.
#[cfg(not(target_arch = "x86_64"))]
mod cycles {
    pub(super) fn thread_nanos() -> Option<u64> {
        None
    }
}
