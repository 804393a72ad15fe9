"""Red flags: emergencies as people write of them, against everyday talk with a clinic."""

import pytest

from chat.safety.red_flags import emergency_answer, red_flags

EMERGENCIES = {
    "chest_pain": """
        Tengo un dolor muy fuerte en el pecho
        me duele el pecho desde hace una hora
        creo que me está dando un infarto
        Tengo opresión en el pecho y sudor frío
        I have chest pain
        There is a tightness in my chest
        I think I'm having a heart attack
        No tengo fiebre, pero me duele mucho el pecho
        Hace dos años tuve un infarto y ahora me duele el pecho
        Tengo un dolor horrible en el pecho
        siento el pecho apretado y sudo frío
        hace 2 años tuve un infarto y otra vez me duele el pecho igual
        I have pains in my chest
        my chest is tight and my arm is numb
        ME DUELE EL PECHO
        me duele muchisimo el pecho del lado izquierdo
        el pecho me duele cuando respiro
        tengo una presion terrible en el pecho
        siento como un peso en el pecho
        mi papá tiene dolor en el pecho q hago
        tngo dolor d pecho
        Desde ayer siento punzadas en el pecho
        dolor de pecho muy fuerte
        me está doliendo el pecho y el brazo izquierdo
        Se me aprieta el pecho
        mi esposo tiene un infarto
        infarto!! ayuda
        le dio un paro cardiaco a mi abuelo
        desde hace 2 meses me duele el pecho
        Quiero una cita porque me duele el pecho
        My chest hurts
        my chest really hurts, can I get an appointment?
        crushing chest pain
        there's a sharp pain in the middle of my chest
        I feel pressure on my chest right now, chest pressure
        my chest feels heavy
        My dad is having a heart attack
        he had a heart attack just now
        i got chest pains since this morning
        Severe pain across my chest
        I don't know what it is but my chest is burning
        No, tengo dolor en el pecho
        no sólo me duele el pecho, también el brazo
        me duele el hombro, la espalda y el pecho
        chest pain for 3 days
    """,
    "stroke": """
        No puedo mover el brazo y se me torció la cara
        creo que mi mamá tiene un derrame cerebral
        My face is drooping
        he can't speak and his mouth is drooping
        se me durmió medio cuerpo
        mi papá habla enredado
        my speech is slurred
        se me paralizó la mitad de la cara
        mi abuela tiene la boca torcida
        tiene la cara caída de un lado
        se le duerme el lado izquierdo
        No puede hablar mi mamá
        mi mamá no puede hablar bien y está confundida
        se le traba la lengua y no mueve el brazo
        no siento la mitad del cuerpo
        Mi papá está arrastrando las palabras
        no puedo mover la pierna derecha
        es el peor dolor de cabeza de mi vida
        de repente no veo nada con un ojo
        le dio un derrame a mi papá
        I think my mom is having a stroke
        one side of my face is numb
        she can’t move her left arm
        my husband's speech is slurring
        I can't feel my left side
        half of my face is paralyzed
        his words are slurred
        worst headache of my life
        sudden weakness and numbness
        suddenly I can't see
        her mouth dropped on one side
        signs of a stroke
    """,
    "suicide": """
        Quiero morirme
        ya no quiero vivir
        estoy pensando en quitarme la vida
        I want to kill myself
        I don't want to live anymore
        me quiero matar
        ya no quiero estar aquí, quiero desaparecer
        El año pasado perdí a mi hijo y quiero morirme
        I feel like killing myself
        I want to end it all
        last year was hard and I want to die
        me kiero morir
        QUIERO MORIRME YA
        me voy a matar
        no quiero seguir viviendo
        tengo pensamientos suicidas
        he pensado en suicidarme
        Prefiero estar muerta
        ojalá me muera
        no le encuentro sentido a la vida
        quisiera no despertar
        voy a acabar con mi vida
        me quiero cortar, tengo ganas de hacerme daño
        mi hija dice que se quiere morir
        mi hermano intentó suicidarse
        todos estarían mejor sin mí
        no tengo ganas de vivir
        no vale la pena vivir
        quiero acabar con todo
        Necesito ayuda, quiero quitarme la vida
        I wanna die
        I’m thinking about suicide
        i feel suicidal
        I'm going to kill myself tonight
        I wish I was dead
        they would be better off without me
        I have no reason to live
        life is not worth living
        I don't want to be here anymore
        I want to hurt myself
        my son wants to kill himself
        thoughts of ending my life
        I can't go on anymore
        I don't want to wake up tomorrow
        I tried to end my life two years ago and I want to do it again
        I am planning to take my own life
        pienso mucho en la muerte, me quiero suicidar
    """,
    "bleeding": """
        Estoy sangrando mucho y no para
        vomité sangre
        I'm bleeding heavily
        estoy sangrando muchísimo
        no para de sangrar mi nariz
        estoy embarazada y estoy sangrando
        tengo una hemorragia muy fuerte
        me corté y me sale mucha sangre
        la herida no deja de sangrar
        mi hijo está sangrando por la cabeza
        estoy perdiendo mucha sangre
        Estoy tosiendo sangre
        bomito sangre
        mi esposa embarazada tiene sangrado
        sangra a chorros
        la sangre no se detiene
        me apuñalaron
        I'm pregnant and bleeding
        the bleeding won't stop
        it keeps bleeding
        he is bleeding a lot from his head
        I am coughing up blood
        she's vomiting blood
        my nose won’t stop bleeding
        I'm losing a lot of blood
        there is blood everywhere
        heavy bleeding after the birth
        he got shot
    """,
    "anaphylaxis": """
        se me está cerrando la garganta
        se me hincha la lengua
        my throat is closing up
        my tongue swelled up
        se le hincharon los labios y la lengua
        tengo la lengua hinchada
        siento que se cierra la garganta
        tengo una reacción alérgica muy fuerte
        shock anafiláctico
        se me inflamaron los labios
        My lips are swelling
        severe allergic reaction
        I think it's anaphylaxis
        her throat is swollen shut
        my kid is having a bad allergic reaction
    """,
    "breathing": """
        no puedo respirar
        I can't breathe
        me falta el aire
        no respira mi mamá
        mi hijo se atragantó y está morado
        i can’t breathe
        she's not breathing
        NO PUEDO RESPIRAR BIEN
        casi no puedo respirar
        no pued respirar, me ahogo
        me estoy ahogando
        Mi bebé no respira
        me cuesta mucho respirar
        tengo dificultad para respirar
        siento que me falta la respiración
        mi abuelo dejó de respirar
        se está asfixiando
        tiene los labios morados
        Me quedo sin aire
        cant breath
        i cannot breathe
        trouble breathing
        I'm having a hard time breathing
        my baby stopped breathing
        shortness of breath
        I am short of breath
        my son is choking
        he's turning blue
        I can't catch my breath
        gasping for air
        my father isn't breathing
        difficulty breathing since last night
        hace un año no me pasaba, pero ahora no puedo respirar
    """,
    "unconscious": """
        mi papá está inconsciente
        my son is having a seizure
        Mi mamá no responde
        no responde mi papá y está frío
        mi hijo no reacciona
        mi abuela no despierta
        Mi esposo se desmayó
        perdió el conocimiento
        está convulsionando
        mi niño está con convulsiones
        le dio un ataque epiléptico
        my dad is not responding
        she's unresponsive
        he won’t wake up
        I can't wake her up
        my mom passed out
        He passed out and hit his head
        my friend is unconscious
        my husband collapsed
        she fainted
        he is having convulsions
        the baby is limp
    """,
    "poisoning": """
        mi hijo tomó cloro
        I took too many pills
        se tomó un frasco de pastillas
        I took a whole bottle of pills
        me tomé todas las pastillas
        mi hermana se tomó muchas pastas para dormir
        tomé veneno
        Mi hija se tragó una pila
        bebió lejía
        creo que es una sobredosis
        me tomé una caja de clonazepam entera, todas mis pepas
        he overdosed
        my kid swallowed bleach
        my daughter drank detergent
        she took a handful of pills
        I took 30 tylenol pills
        he ate rat poison
        he may be poisoned
    """,
}

OTHER_EMERGENCIES = """
    Siento una opresión fuerte que me llega al brazo izquierdo
    me duele el pecho
    mi corazón me duele
    Mi hijo no está respirando
    mi bebe no esta respirando
    no me entra el aire
    me estoy muriendo
    ya no aguanto, me quiero quitar la vida
    estoy pensando en matarme
    hoy me voy a suicidar
    No le veo sentido a vivir
    quiero dormir y no despertar nunca
    me corté las venas
    voy a tirarme de un puente
    voy a saltar por la ventana
    mi mama se desmayo y no despierta
    mi esposo está tirado en el piso y no responde
    se desplomó mi papá
    my wife just collapsed on the floor
    My grandfather is unconscious and not breathing
    he isn't waking up
    help my dad is having chest pains
    my heart is racing and my chest hurts
    I feel a crushing weight on my chest
    my left arm hurts and my chest is tight
    it feels like an elephant is sitting on my chest
    i cant breath
    can't breathe
    I'm struggling to breathe
    my throat feels like it's closing
    my face is swelling up and I can't breathe
    I was stung by a bee and my throat is swelling
    me picó una abeja y se me hinchó la cara
    se me hincha la cara y no puedo tragar
    I'm hemorrhaging
    there's so much blood
    me salió mucha sangre por la boca
    estoy vomitando sangre
    hago popó con sangre
    blood in my vomit
    I cut my wrist
    me corté la muñeca
    i slit my wrists
    I swallowed a bottle of aspirin
    Me tomé 20 pastillas
    tome 50 pastillas de acetaminofen
    I took 40 ibuprofen
    ingerí raticida
    My toddler drank bleach
    mi hija bebió límpido
    se bebió un desinfectante
    I overdosed on pills
    She has slurred speech and her face is drooping
    mi mamá tiene la cara torcida
    no puedo mover un lado del cuerpo
    mi papá no puede mover el brazo derecho ni hablar
    se me fue la boca de lado
    my right side went numb suddenly
    he can't talk and can't move
    I can't feel my face
    he suddenly can't speak
    my wife is having a stroke
    My dad had a stroke
    Mi papá sufrió un infarto
    mi hermano convulsiona
    my baby had a seizure
    mi niña tiene una convulsión
    estoy embarazada y tengo sangrado
    rompí fuente y estoy sangrando
    I'm 30 weeks pregnant and bleeding
    Tengo ganas de morirme
    deseo morir
    ya no quiero vivir más
    No quiero vivir
    quiero matarme
    pienso en suicidarme
    I want to commit suicide
    I'm suicidal
    I want to die
    i want to kill my self
    no reason to keep living
    i don't want to live any more
    I'd rather be dead
    I just want to disappear
    I keep thinking about killing myself
    Nobody would miss me if I died
    quiero acabar con mi vida
    no puedo respirar bien desde ayer y me duele el pecho
    hace 3 años me operaron y hoy me duele mucho el pecho
    Last year I had surgery and now I can't breathe
    hace un año que quiero morirme
    mi mujer sangra mucho después del parto
    tengo mucho sangrado
    sangrado abundante
    me sangra mucho la herida
    me desangro
    mi hijo se está ahogando
    se atragantó con comida
    my baby is choking on a grape
    my lips are turning blue
    Tengo mucha dificultad para respirar
    estoy teniendo un ataque al corazón
    me está dando un ataque al corazón
    me va a dar un infarto
    siento que me va a dar un infarto
    creo q es un infarto
    m duele el pecho
    no puedo respirr
    ME QUIERO MORIR
    se tragó veneno
    le dispararon a mi hermano
    dolor intenso en el tórax
    dolor opresivo en el pecho que se va al brazo
    mi pareja no respira
    no tiene pulso
    no pulse
    he has no pulse
    Mi abuelo no se mueve ni responde
    my grandma isn't responding
    no responde a nada mi mama
    he won't respond
    mi tía perdió la conciencia
    me voy a desmayar
    he is foaming at the mouth
    no puede respirar
    Auxilio no respira
    chest feels tight
    pressure in chest radiating to jaw
    my chest has been hurting all day
    my chest is hurting
    feel pain on my chest
    i have a pain in the chest
"""

EVERYDAY = """
    Hola, quiero una cita de cardiología
    No me duele el pecho
    no tengo dolor de pecho
    No he tenido dolor en el pecho
    Sin dolor en el pecho ni fiebre
    I don't have chest pain
    no chest pain, just a cough
    I have no signs of a stroke
    No quiero morirme, solo pedir una cita
    Tuve un infarto hace cinco años
    My mother had a heart attack ten years ago
    I have a family history of stroke signs of stroke
    Me duele la cabeza
    Me duele la rodilla mucho
    my back hurts
    Quiero vivir mejor
    necesito un examen de sangre
    I need a blood test
    Se me cayó una muela
    el sistema no responde
    la recepcionista no responde el teléfono
    the website is not responding
    me ahogo en trabajo
    He passed out flyers
    cita de control post infarto
    ¿Atienden dolor de pecho?
    suicide prevention group schedule?
    Mi mamá no responde mis mensajes
    My doctor is not responding to my emails
    nadie responde
    La página no responde, ¿puedo reservar por aquí?
    my phone is not responding
    No puedo hablar ahora, escríbanme
    no puedo hablar por teléfono
    I can't talk right now
    I can't speak on the phone
    no puedo mover la cita
    I can't move my appointment
    No puedo ir mañana, ¿puedo mover la cita?
    tengo la garganta inflamada
    I have a sore throat
    me muero de hambre
    me quiero morir de la risa
    I'm dying to see you
    he killed it at the show
    tengo la presión alta
    necesito control de presión
    my blood pressure is high
    radiografía de pecho
    I need a chest x-ray
    chest x-ray results please
    resultados del examen de sangre
    me sacaron mucha sangre para el examen
    they took a lot of blood tests
    me sangran las encías un poco al cepillarme
    vacuna contra la gripe
    quiero cambiar mi cita del lunes
    quiero cancelar mi cita
    I want to cancel my appointment
    can I book with Dr. Ruiz on Monday?
    se me durmió la mano anoche escribiendo
    my hand is numb from typing
    tomo dos pastillas al día
    ¿Cada cuánto tomo la pastilla?
    do I take the pills before lunch?
    cita con el neurólogo
    I had a stroke three years ago and need a follow-up
    control de convulsiones
    medicamento para las convulsiones
    history of seizures
    Antecedentes familiares de infarto
    ¿Tienen especialista en dolor torácico?
    Do you treat chest pain?
    Do you have a stroke support group?
    charla de prevención del suicidio
    curso para prevenir infartos
    heart attack prevention class
    chest pain specialist
    El año pasado tuve un derrame cerebral
    last year I had a seizure
    My father had a stroke in 2015
    no tengo dificultad para respirar
    she is not having a seizure
    nunca he tenido convulsiones
    I never had a heart attack
    ni dolor de pecho ni mareo
    niega dolor torácico
    no hay sangrado abundante
    no creo que sea un infarto
    I don't think it's a heart attack
    Me duele el estómago
    tengo gripa y tos
    tengo fiebre y dolor de garganta
    I have a cough and a runny nose
    me duelen los pies
    la cita es para mi hijo
    my son needs a checkup
    mi bebé tiene un mes, quiero control de crecimiento
    no puedo dormir
    I can't sleep
    no puedo más con este formulario
    I can't wake up early, do you have afternoon slots?
    no quiero seguir esperando
    I don't want to wait anymore
    no quiero estar en la lista de espera
    quiero terminar con mi tratamiento
    that was a stroke of luck
    me muero de ganas de verlos
    el doctor no ha respondido
    mi correo no funciona
    estoy embarazada, quiero cita de control
    I'm pregnant and need a prenatal visit
    necesito la fórmula de mis medicamentos
    se me olvidó mi cita
    perdí mi cédula
    perdí la cita de ayer
    I lost my ID card
    ¿a qué hora cierran?
    what are your hours?
    gracias, muy amable
    sí, confirmo la cita
    mi documento es CC 12345678
    nací el 14 de mayo de 1990
    I was born on May 14, 1990
    no puedo respirar por la nariz desde que tengo gripa, congestión
    food poisoning last week, all good now
    quiero hablar con una persona
    vivo en Bogotá
    mi mamá está bien
    donde queda la clínica
    ¿Puedo donar sangre?
    psicología para mi hija, tiene ansiedad
    I'd like therapy for anxiety
    hair loss appointment
    me aprieta el zapato
    dolor de espalda fuerte
    strong back pain
    heartburn after meals
    Hola
    quiero una cita para mi mamá
    mi mamá no puede ir a la cita
    no puedo asistir a la cita del lunes
    ¿Me pueden llamar? no respondo mensajes
    no me responden el whatsapp
    my mom isn't responding to the confirmation text
    Doctor, ¿cuándo responde?
    necesito una cita con el cardiólogo, me duele la espalda
    quiero un electrocardiograma
    I need an EKG appointment
    examen de corazón
    mi corazón está contento
    ataque de risa
    tengo ardor al orinar
    ardor de estómago
    burning when I pee
    me arde la garganta
    my foot is numb
    tengo la nariz tapada
    nasal congestion
    I'm out of breath when running upstairs
    cita para vacuna de mi bebé
    my baby has a rash
    me salió un brote
    cita de dermatología por una mancha
    mi regla es irregular
    I need a pap smear
    I have heavy periods
    me quiero hacer un chequeo
    quiero hacerme un examen
    quiero irme a casa
    I want to end my membership
    I want to end it early, the subscription
    I want to end the call
    kill the appointment
    can you kill my 3pm booking
    tengo dolor de muela
    me duele el oído
    no veo la hora de la cita
    no siento el sabor
    perdí el sentido del olfato
    I lost my sense of smell
    perdí el gusto
    my arm hurts when I lift it
    me duele el brazo
    quiero desaparecer esta mancha de la piel
    estoy muerto de cansancio
    I'm dead tired
    traumatología, me torcí el tobillo
    me torci el pie
    se me durmió la pierna en el bus
    my leg fell asleep
    quiero dejar de fumar
    I want to stop smoking
    tengo sangre tipo O
    donación de sangre
    sangre oculta en heces examen
    mi hijo tiene alergia al polen
    I have seasonal allergies
    alergia a la penicilina
    allergic reaction to penicillin as a child
    tuve una reacción alérgica hace 3 años
    La doctora no respondió mi pregunta
    no responde la línea de atención
    the clinic is not responding
    my son is not responding well to the treatment
    mi papá no responde al tratamiento
    no responde al antibiótico
    took my pills this morning
    I take 2 pills a day
    tomé la pastilla de la mañana
    me tomé las pastillas que me recetaron
    tomé todos los medicamentos como me dijo el doctor
    I took all the medication you prescribed
    I finished the bottle of pills, need a refill
    I need a refill, my bottle of pills is empty
    seguro médico
    me urge una cita
    es urgente, necesito cita hoy
    emergency contact is my mother
    I'm afraid of heart attacks in general? no
    asma controlada, quiero control
    my asthma inhaler ran out
    necesito inhalador
    control de hipertensión
    my smile is crooked, need braces
    tengo la boca seca
    my lips are dry
    labios resecos
    lengua blanca
    my tongue is white
    quiero un blanqueamiento dental
    acid reflux
    tomé ácido fólico
    took folic acid
    comí muy pesado
    peso 80 kilos
    tengo sobrepeso
    I want to lose weight
    pérdida de peso
    tengo el pelo pesado
    me cuesta trabajo levantarme
    tengo dificultad para pedir la cita
    problems with breathing exercises class
    I have trouble booking
    estoy ahogada en deudas
    depression screening
    tengo depresión, quiero psiquiatra
    he died last year
    mi papá murió hace un año
    mi papá murió de un infarto
    certificado de defunción
    my phone is dying
    it has to fit my schedule
    my wife will kill me if I miss the appointment
    peso 80 kilos y necesito una radiografía de pecho
    I have back pain and need a chest x-ray
    I have a chest cold and a sore throat
    me duele la espalda y traigo una radiografía de pecho
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("sign", "text"), [(sign, line) for sign, text in EMERGENCIES.items() for line in lines(text)])
def test_an_emergency_is_recognised(sign: str, text: str) -> None:
    assert sign in red_flags(text)


@pytest.mark.parametrize("text", lines(OTHER_EMERGENCIES))
def test_an_emergency_is_recognised_by_some_sign(text: str) -> None:
    assert red_flags(text)


@pytest.mark.parametrize("text", [line for text in EMERGENCIES.values() for line in lines(text)])
def test_capitals_missing_accents_and_apostrophes_hide_no_emergency(text: str) -> None:
    bare = text.translate(str.maketrans("áéíóúüñ", "aeiouun", "'’¿¡"))

    assert red_flags(text.upper())
    assert red_flags(bare)
    assert red_flags(bare.replace(" ", " \u200b"))
    assert red_flags(f"Hola, buenos días.\n{text}.\nQuiero una cita")


@pytest.mark.parametrize("text", lines(EVERYDAY))
def test_what_is_no_emergency_goes_to_the_assistant(text: str) -> None:
    assert red_flags(text) == []
    assert emergency_answer(text, "es") is None


def test_the_answer_names_the_clinics_emergency_number(settings: object) -> None:
    settings.EMERGENCY_NUMBER = "112"  # type: ignore[attr-defined]

    assert "112" in (emergency_answer("me duele el pecho", "es") or "")
    assert (emergency_answer("I want to kill myself", "en") or "").count("112") == 2
