"""What can go wrong, one class per event.

    DerError
      x ExpertError             an expert gave no reply
        + HostUnreachable       nothing answers at the address of the expert's server
        + ModelMissing          the server is there, the model is not
        + ExpertTimeout         no complete reply within the read timeout
        + ServerFault           the server answered with an error of its own
          - ServerBusy          it has too much to do, or is still loading a model
        + WaitStopped           somebody stopped while a busy server was waited for
        + BadReply              the server answered with something that is not its protocol
        + HostRefused           the address is not one we agree to call
        + ModelChanged          the server has other weights under the same name than when it was opened
        + InterpreterMissing    there is nothing to run an expert's programs with
      x QuestionsError          a question file or dataset cannot be read
      x StoreError              a recording cannot be opened, or does not verify
      x IncompleteRecording     replies needed for the table are missing
      x SettingsError           settings that contradict one another or lie out of range
      x RouterFileError         a saved router cannot be loaded
        + RouterMismatch        it can, but it was trained for something else
      x ReportError             a report does not follow its schema, or cannot be written
      x JobBusy                 a job of that kind is already running
      x TrainingEnded           the process of a training ended in the middle of it

Every message is one line that says what was tried and what to do next; it is shown to people as it is.
"""


class DerError(Exception):
    """Base of all errors that der_core raises on purpose."""


class ExpertError(DerError):
    """An expert gave no reply."""


class HostUnreachable(ExpertError):
    """Nothing answers at the address of the expert's server."""


class ModelMissing(ExpertError):
    """The server answers, but does not have the model."""


class ExpertTimeout(ExpertError):
    """The expert did not finish its reply within the read timeout."""


class ServerFault(ExpertError):
    """The server answered with an error of its own."""


class ServerBusy(ServerFault):
    """The server has too much to do or is still loading; it may answer later."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        """Keep how many seconds the server asks to wait, None where it does not say."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class WaitStopped(ExpertError):
    """A wait for a busy server was stopped on request; nothing is wrong with the expert."""


class BadReply(ExpertError):
    """The server answered with something that is not its protocol."""


class HostRefused(ExpertError):
    """The address is not one we agree to call (scheme, user info, or a network that is not allowed)."""


class ModelChanged(ExpertError):
    """The server has other weights under an expert's name than when the expert was opened."""


class InterpreterMissing(ExpertError):
    """The interpreter that runs an expert's programs cannot be started."""


class QuestionsError(DerError):
    """A question file or dataset cannot be read."""


class StoreError(DerError):
    """A recording cannot be opened, or its contents do not verify."""


class IncompleteRecording(DerError):
    """Replies that the table needs have not been recorded."""


class SettingsError(DerError):
    """Settings that contradict one another or lie out of range."""


class RouterFileError(DerError):
    """A saved router cannot be loaded."""


class RouterMismatch(RouterFileError):
    """A saved router was trained for another encoder, other experts or another schema."""


class ReportError(DerError):
    """A report does not follow its schema, or cannot be written."""


class JobBusy(DerError):
    """A job of that kind is already running."""


class TrainingEnded(DerError):
    """The process of a training ended in the middle of it."""
