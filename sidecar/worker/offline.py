"""The store of a stopped sidecar, for commands that ask its files."""

import contextlib
from collections.abc import Iterator

from sidecar.errors import StoreError
from sidecar.journal import JournalReader
from sidecar.journal.schema import FILE_NAME as JOURNAL_FILE
from sidecar.settings import Settings
from sidecar.worker.measure.meter import Meter
from sidecar.worker.store.loader import Loader
from sidecar.worker.store.notebook import Notebook
from sidecar.worker.store.opening import existing_store
from sidecar.worker.store.store import FILE_NAME as STORE_FILE
from sidecar.worker.store.store import Store
from sidecar.worker.store.trouble import BrokenStoreError


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store, holding all that the journal holds. The caller must hold the data directory.

    Raises:
        StoreError: the store cannot be opened; whatever is wrong with it, it stays where it is.
    """
    try:
        store = existing_store(settings.data_dir / STORE_FILE, settings.store_memory_mb)
    except BrokenStoreError as error:
        hint = "nothing was changed; leanvibe serve moves it aside and loads what the journal still holds"
        raise StoreError(error.message, hint=hint) from None
    with contextlib.closing(store), store.room.enough():
        journal = settings.data_dir / JOURNAL_FILE
        if journal.exists():
            loader = Loader(store, JournalReader(journal), Notebook(), Meter(store))
            loader.start()
            loader.close()
        yield store
